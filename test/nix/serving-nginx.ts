/** A real nginx on loopback. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "./serving-client.ts";
import { accepts, configText, environment, freePort, type ConfigArguments } from "./serving-tools.ts";

/** A running nginx with a folder of its own. */
export class Nginx {
  readonly url: string;
  readonly folder: string;
  readonly cache: string;
  readonly port: number;
  readonly #process: ChildProcess;

  private constructor(folder: string, cache: string, port: number) {
    this.folder = folder;
    this.cache = cache;
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.#process = spawn("nginx", ["-c", join(folder, "nginx.conf"), "-e", join(folder, "error.log")], {
      env: environment,
      stdio: ["ignore", "ignore", "inherit"],
    });
  }

  /** Starts nginx in front of `upstream` (as nginx's `server` takes it); `settings` goes over the tests' own. */
  static start(upstream: string, settings: ConfigArguments = {}): Promise<Nginx> {
    const folder = mkdtempSync(join(tmpdir(), "serving-"));
    const cache = typeof settings.cacheDirectory === "string" ? settings.cacheDirectory : join(folder, "cache");
    mkdirSync(join(folder, "status"));
    return Nginx.#run(folder, cache, async (port) =>
      configText({
        port,
        upstream,
        listen: [`127.0.0.1:${port}`],
        cacheDirectory: cache,
        fillPort: await freePort(),
        cacheMinFree: "1m",
        statusPage: join(folder, "status", "index.html"),
        ...settings,
      }),
    );
  }

  /** Starts nginx with the files below `root`, and nothing else: as fast as it gets. */
  static files(root: string): Promise<Nginx> {
    const folder = mkdtempSync(join(tmpdir(), "serving-"));
    const settings = `access_log off; sendfile on; keepalive_requests 10000; root ${root};`;
    return Nginx.#run(folder, folder, (port) => Promise.resolve(`server { listen 127.0.0.1:${port}; ${settings} }`));
  }

  static async #run(folder: string, cache: string, text: (port: number) => Promise<string>): Promise<Nginx> {
    const port = await freePort();
    const user = process.getuid?.() === 0 ? "user root;" : "";
    const head = `daemon off; ${user} worker_processes 2; pid ${folder}/pid; events { worker_connections 2048; }`;
    writeFileSync(join(folder, "nginx.conf"), `${head}\nhttp {\n${await text(port)}\n}\n`);
    const nginx = new Nginx(folder, cache, port);
    await nginx.#up();
    return nginx;
  }

  /** What nginx complained of. */
  errors(): string {
    return readFileSync(join(this.folder, "error.log"), "utf8");
  }

  /** Whole NARs in the cache, and parts that are being fetched (or were left behind). */
  cached(): { readonly whole: string[]; readonly parts: string[] } {
    const all = readdirSync(this.cache, { recursive: true, encoding: "utf8" });
    const isWhole = (name: string): boolean => /(?:^|\/)[0-9a-f]{32}$/.test(name);
    return { whole: all.filter(isWhole), parts: all.filter((name) => /\.\d{10}$/.test(name)) };
  }

  /** Waits until what was fetched is in the cache: nginx gives a copy its name a moment after its reader has the last byte. */
  settled(): Promise<void> {
    return until(() => this.cached().parts.length === 0);
  }

  /** The processes that stay: the first is the master, the others are workers and the cache's manager. */
  pids(): number[] {
    const isLoader = (pid: number): boolean => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("cache loader");
    return this.#processes().filter((pid) => !isLoader(pid));
  }

  /** All of them, the master first. */
  #processes(): number[] {
    const master = this.#process.pid ?? 0;
    const words = readFileSync(`/proc/${master}/task/${master}/children`, "utf8").trim().split(" ");
    return [master, ...words.filter((word) => word !== "").map(Number)];
  }

  /** Ends nginx and removes its folder; `kill` ends it as a power cut does, and leaves the folder. */
  async stop(how: "stop" | "kill" = "stop"): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      // The master first: it would start new workers in the place of those that die.
      const pids = how === "kill" ? this.#processes() : [];
      const ended = once(this.#process, "exit");
      for (const pid of pids) process.kill(pid, "SIGKILL");
      if (how === "stop") this.#process.kill("SIGTERM");
      await ended;
    }
    if (how === "stop") rmSync(this.folder, { recursive: true, force: true });
  }

  async #up(): Promise<void> {
    for (let tries = 0; tries < 100; tries++) {
      if (this.#process.exitCode !== null) throw new Error(`nginx did not start: ${this.errors()}`);
      if (await accepts(this.port)) return;
      await sleep(50);
    }
    throw new Error("nginx did not listen within five seconds");
  }
}
