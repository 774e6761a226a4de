/** A real nginx on loopback with the text that nginx-config.nix gives, evaluated by the real Nix. */
import { execFile, execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);
const source = join(import.meta.dirname, "..", "..", "nix", "modules", "nginx-config.nix");
const environment = { ...process.env, PATH: `${process.env.PATH ?? ""}:/usr/sbin:/usr/bin` };

/** What nginx-config.nix takes. */
export type ConfigArguments = Readonly<Record<string, string | number | null | readonly string[]>>;

/** Whether nginx and nix-instantiate are there. Root on Debian gets them; anybody else is told what to install. */
export function haveTools(): boolean {
  if (present("nginx", "-v") && present("nix-instantiate", "--version")) return true;
  if (process.getuid?.() === 0 && present("apt-get", "--version")) {
    const apt = ["-o", "DPkg::Lock::Timeout=120", "install", "-y", "--no-install-recommends", "nginx-light", "nix-bin"];
    execFileSync("apt-get", ["update"], { stdio: "ignore", timeout: 120_000 });
    execFileSync("apt-get", apt, {
      stdio: "ignore",
      timeout: 240_000,
      env: { ...environment, DEBIAN_FRONTEND: "noninteractive" },
    });
    return present("nginx", "-v") && present("nix-instantiate", "--version");
  }
  console.warn("      not run: install nginx and nix-instantiate (Debian: nginx-light and nix-bin)");
  return false;
}

function present(program: string, option: string): boolean {
  try {
    execFileSync(program, [option], { stdio: "ignore", env: environment, timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
}

/** The text for nginx's http context. */
export async function configText(settings: ConfigArguments): Promise<string> {
  const expression = "{ file, settings }: import file (builtins.fromJSON settings)";
  const { stdout } = await run(
    "nix-instantiate",
    [
      "--eval",
      "--json",
      "--expr",
      expression,
      "--arg",
      "file",
      source,
      "--argstr",
      "settings",
      JSON.stringify(settings),
    ],
    { env: environment, timeout: 30_000 },
  );
  return String(JSON.parse(stdout));
}

/** A port that nothing listens on at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

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
  static async start(upstream: string, settings: ConfigArguments = {}): Promise<Nginx> {
    const folder = mkdtempSync(join(tmpdir(), "serving-"));
    const port = await freePort();
    const cache = typeof settings.cacheDirectory === "string" ? settings.cacheDirectory : join(folder, "cache");
    mkdirSync(join(folder, "status"));
    const text = await configText({
      port,
      upstream,
      listen: [`127.0.0.1:${port}`],
      cacheDirectory: cache,
      fillPort: await freePort(),
      cacheMinFree: "1m",
      statusPage: join(folder, "status", "index.html"),
      ...settings,
    });
    const user = process.getuid?.() === 0 ? "user root;" : "";
    const head = `daemon off; ${user} worker_processes 2; pid ${folder}/pid; events { worker_connections 2048; }`;
    writeFileSync(join(folder, "nginx.conf"), `${head}\nhttp {\n${text}\n}\n`);
    const nginx = new Nginx(folder, cache, port);
    await nginx.#up();
    return nginx;
  }

  /** What nginx complained of. */
  errors(): string {
    return readFileSync(join(this.folder, "error.log"), "utf8");
  }

  /** Whole NARs in the cache, and parts that are being fetched (or were left behind). */
  files(): { readonly whole: string[]; readonly parts: string[] } {
    const all = readdirSync(this.cache, { recursive: true, encoding: "utf8" });
    const isWhole = (name: string): boolean => /(?:^|\/)[0-9a-f]{32}$/.test(name);
    return { whole: all.filter(isWhole), parts: all.filter((name) => /\.\d{10}$/.test(name)) };
  }

  /** The processes: the first is the master. */
  pids(): number[] {
    const master = this.#process.pid ?? 0;
    const children = readFileSync(`/proc/${master}/task/${master}/children`, "utf8").trim();
    return [
      master,
      ...children
        .split(" ")
        .filter((word) => word !== "")
        .map(Number),
    ];
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null) {
      this.#process.kill("SIGTERM");
      await once(this.#process, "exit");
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #up(): Promise<void> {
    for (let tries = 0; tries < 100; tries++) {
      if (this.#process.exitCode !== null) throw new Error(`nginx did not start: ${this.errors()}`);
      const socket = connect(this.port, "127.0.0.1");
      const up = await Promise.race([
        once(socket, "connect").then(() => true),
        once(socket, "error").then(() => false),
      ]).catch(() => false);
      socket.destroy();
      if (up) return;
      await sleep(50);
    }
    throw new Error("nginx did not listen within five seconds");
  }
}
