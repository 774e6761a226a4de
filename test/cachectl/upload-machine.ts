/** A machine of a pair: see upload-host.sh. Real Nix with a daemon and a store of its own, real cachectl, real paths. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const program = join(import.meta.dirname, "upload-host.sh");
const library = join(import.meta.dirname, "../../nix");

/** How a command on a machine ended. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that runs on a machine. */
export interface Started {
  readonly ended: Promise<Ended>;
  readonly kill: (signal: NodeJS.Signals) => void;
}

const environment = {
  PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
  HOME: "/root",
  NIX_REMOTE: "daemon",
  LC_ALL: "C",
};

/** Boots at once; `kill` is the power cut, `boot` comes after it. The disk is `root`. */
export class Machine {
  readonly root: string;
  #holder: ChildProcess | undefined;
  #first = 0;

  constructor(root: string) {
    this.root = root;
  }

  async boot(): Promise<void> {
    const flags = ["--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"];
    const holder = spawn("unshare", [...flags, "/bin/sh", program, this.root, library, process.execPath], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#holder = holder;
    const said = await Promise.race([once(holder.stdout, "data"), once(holder, "exit")]);
    if (String(said[0]).trim() !== "ready") throw new Error("a machine of the pair did not start");
    const pid = String(holder.pid);
    this.#first = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ")[0]);
    const started = this.run(["systemctl", "restart", "nix-daemon.service"]);
    if (started.status !== 0) throw new Error(started.stderr);
  }

  /** Ends everything on it at once. /run and /tmp are empty after it. */
  async kill(): Promise<void> {
    const holder = this.#holder;
    if (holder?.exitCode !== null || holder.signalCode !== null) return;
    const ended = once(holder, "exit");
    process.kill(this.#first, "SIGKILL");
    await ended;
    for (const folder of ["run", "tmp"])
      spawnSync("find", [join(this.root, folder), "-mindepth", "1", "-delete"], { timeout: 10_000 });
  }

  /** Runs a program to its end. */
  run(command: readonly string[], input = "", timeout = 120_000): Ended {
    const { status, stdout, stderr } = spawnSync("nsenter", this.#enter(command), {
      ...{ env: environment, input, encoding: "utf8", timeout, maxBuffer: 64 * 1024 ** 2 },
    });
    return { status, stdout, stderr };
  }

  /** As run, and throws an Error unless it ends with 0. Gives its output. */
  must(command: readonly string[], input = ""): string {
    const { status, stdout, stderr } = this.run(command, input);
    if (status === 0) return stdout.trim();
    throw new Error(`${command.join(" ")}: status ${String(status)}\n${stderr}`);
  }

  /** Starts a program and lets it run. */
  start(command: readonly string[]): Started {
    const child = spawn("nsenter", this.#enter(command), { env: environment, stdio: ["ignore", "pipe", "pipe"] });
    const said = { stdout: "", stderr: "" };
    child.stdout.on("data", (chunk: Buffer) => (said.stdout += chunk.toString("utf8")));
    child.stderr.on("data", (chunk: Buffer) => (said.stderr += chunk.toString("utf8")));
    const ended = once(child, "close").then(() => ({ status: child.exitCode, ...said }));
    return { ended, kill: (signal) => this.#signal(child.pid ?? 0, signal) };
  }

  /** nsenter waits for the program, which is its child. Nothing when the program has ended. */
  #signal(nsenter: number, signal: NodeJS.Signals): void {
    try {
      const [child = ""] = readFileSync(`/proc/${nsenter}/task/${nsenter}/children`, "utf8").trim().split(" ");
      if (child !== "") process.kill(Number(child), signal);
    } catch {
      // Gone in between.
    }
  }

  #enter(command: readonly string[]): string[] {
    const flags = ["--target", String(this.#first), "--mount", "--pid"];
    return [...flags, "--", ...command];
  }

  write(file: string, text: string, mode = 0o644): void {
    mkdirSync(dirname(join(this.root, file)), { recursive: true });
    writeFileSync(join(this.root, file), text, { mode });
  }

  read(file: string): string {
    return readFileSync(join(this.root, file), "utf8");
  }

  /** Names in a folder; none where there is no such folder. */
  list(folder: string): string[] {
    const found = join(this.root, folder);
    return existsSync(found) ? readdirSync(found).sort() : [];
  }
}

/** Why there can be no pair here; undefined when there can. */
export function noPair(): string | undefined {
  if (process.getuid?.() !== 0) return "mount namespaces need root";
  for (const name of ["unshare", "nsenter", "nix-store", "nix-daemon", "ssh", "/usr/sbin/sshd"])
    if (spawnSync("sh", ["-c", `command -v ${name}`]).status !== 0) return `${name} is not installed`;
  return spawnSync("unshare", ["--mount", "--pid", "--fork", "true"]).status === 0
    ? undefined
    : "namespaces can't be made here";
}
