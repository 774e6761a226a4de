/** The hook run as Nix runs it, with a queue and roots of its own, under each shell that stands for a builder's. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { parseEntry } from "../../nix/cachectl/queue/entry.ts";

export const hook = join(import.meta.dirname, "../../nix/hook/upload-hook.sh");
const hash = "0123456789abcdfghijklmnpqrsvwxyz";
/** A store path of this name. */
export const out = (name: string): string => `/nix/store/${hash}-${name}`;

/** What Nix's environment says, and what is written where. */
export type HookEnvironment = Readonly<Record<string, string>>;

/** Where a program is, since the hook's own PATH may have nothing. */
function find(program: string): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.map((folder) => join(folder, program)).find(existsSync);
}

/** Shells that run the hook, each with its arguments; those that this machine lacks are left out. macOS's sh is bash. */
export const shells = [["dash"], ["bash", "--posix"], ["busybox", "sh"]].flatMap(([program = "", ...args]) => {
  const found = find(program);
  return found === undefined ? [] : [{ name: [program, ...args].join(" "), command: [found, ...args] as const }];
});

/** A builder as the hook sees it. `remove` at the end. */
export class HookHost {
  readonly folder = mkdtempSync(join(tmpdir(), "hook-"));
  readonly state = join(this.folder, "state");
  readonly roots = join(this.folder, "roots");
  readonly #command: readonly string[];

  constructor(command: readonly string[]) {
    this.#command = command;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  /** Runs the hook and expects what always holds: status 0, nothing on standard output, and soon. */
  run(environment: HookEnvironment, uid?: number): { readonly stderr: string; readonly entries: readonly string[] } {
    const [program = "", ...args] = this.#command;
    const options = { env: this.#environment(environment), encoding: "utf8", timeout: 5000 } as const;
    const result = spawnSync(program, [...args, hook], { ...options, ...(uid !== undefined && { uid }) });
    assert.deepEqual([result.error, result.status, result.stdout], [undefined, 0, ""], result.stderr);
    return { stderr: result.stderr, entries: this.list("new") };
  }

  /** Runs the hook and kills it after some milliseconds. */
  async runAndKill(environment: HookEnvironment, after: number): Promise<void> {
    const [program = "", ...args] = this.#command;
    const child = spawn(program, [...args, hook], { env: this.#environment(environment), stdio: "ignore" });
    const ended = new Promise((resolve) => child.once("close", resolve));
    setTimeout(() => child.kill("SIGKILL"), after);
    await ended;
  }

  #environment(environment: HookEnvironment): HookEnvironment {
    const own = { NIX_BINARY_CACHE_STATE: this.state, NIX_BINARY_CACHE_ROOTS: this.roots };
    return { ...own, NIX_BINARY_CACHE_NEXT_HOOK: "", ...environment };
  }

  /** Names in a folder of the queue. */
  list(name: "new" | "tmp"): string[] {
    const folder = join(this.state, "queue", name);
    return existsSync(folder) ? readdirSync(folder) : [];
  }

  entry(name = ""): ReturnType<typeof parseEntry> {
    return parseEntry(readFileSync(join(this.state, "queue/new", name), "utf8"));
  }

  /** The store paths that an entry's roots name. */
  rootsOf(name = ""): string[] {
    const root = join(this.roots, "queue", name);
    try {
      return [readlinkSync(root)];
    } catch {
      return readdirSync(root)
        .map((link) => readlinkSync(join(root, link)))
        .sort();
    }
  }

  /** A program beside the queue that runs `text` under sh. */
  program(name: string, text: string): string {
    const file = join(this.folder, name);
    writeFileSync(file, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    return file;
  }
}
