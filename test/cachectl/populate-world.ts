/** A server for tests of populate: the real Nix with a store of its own, a flake in a git repository, cachectl as it is run. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { OutputResult, PopulateResult } from "../../nix/cachectl/populate/result.ts";
import { NixWorld } from "./populate-nix-world.ts";

export { removeWorlds } from "./populate-nix-world.ts";

export const system = `${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux`;

/** How a call of cachectl ended. */
export interface Called {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** See the file's comment. `removeWorlds` at the end. */
export class PopulateWorld extends NixWorld {
  readonly state: string;
  readonly repository: string;
  readonly words: string;
  /** config.json's `populate`. */
  populate: Record<string, unknown> = { timeoutMinutes: 2, memoryMax: "2GiB" };
  retention: Record<string, unknown> = {};
  cache: Record<string, unknown> = {};
  warm: Record<string, unknown> | undefined;

  /** @param settings further lines of nix.conf @param disk the folder that it lies in */
  constructor(bin: string, settings: readonly string[] = [], disk?: string) {
    super(bin, settings, disk);
    this.state = join(this.folder, "state");
    this.repository = join(this.folder, "repository");
    this.words = join(this.folder, "words");
    mkdirSync(this.state);
    this.write(this.words, "words", "one\n");
  }

  /** Commits one of the flakes beside this file. */
  useFlake(name: "good" | "bad" | "gated" | "many", folder = "."): void {
    this.useText(readFileSync(join(import.meta.dirname, "populate-flakes", `${name}.nix`), "utf8"), folder);
  }

  /** Commits a flake's text, where `@FOLDER@`, `@WORDS@` and `@SYSTEM@` stand for what is known only here. */
  useText(text: string, folder = "."): void {
    const places = { FOLDER: this.folder, WORDS: `git+file://${this.words}`, SYSTEM: system };
    const placed = Object.entries(places).reduce((before, [key, place]) => before.replaceAll(`@${key}@`, place), text);
    this.write(this.repository, join(folder, "flake.nix"), placed);
    this.populate.flake = `git+file://${this.repository}${folder === "." ? "" : `?dir=${folder}`}`;
  }

  /** Locks the flake's inputs as they are and commits that. */
  lock(): void {
    this.nix(
      "flake",
      "update",
      "--flake",
      `git+file://${this.repository}`,
      "--output-lock-file",
      join(this.folder, "lock"),
    );
    this.write(this.repository, "flake.lock", readFileSync(join(this.folder, "lock"), "utf8"));
  }

  /** Takes a group's roots away. */
  forget(group: string): void {
    rmSync(join(this.env.NIX_BINARY_CACHE_ROOTS ?? "", "populate", group), { recursive: true });
  }

  /** Writes config.json with the settings as they are now. */
  configure(): void {
    const { populate, retention, cache, warm } = this;
    const config = { server: { name: "server" }, populate, retention, cache, warm };
    writeFileSync(join(this.state, "config.json"), JSON.stringify(config));
  }

  /** Starts cachectl with the settings as they are now. */
  start(args: readonly string[], node: readonly string[] = [], program = cachectl): ChildProcess {
    this.configure();
    const child = spawn(process.execPath, [...node, program, ...args], { env: this.env, cwd: this.folder });
    this.children.push(child);
    return child;
  }

  async call(args: readonly string[], node: readonly string[] = [], program = cachectl): Promise<Called> {
    return outcome(this.start(args, node, program));
  }

  /** The result file's. */
  result(): PopulateResult {
    return JSON.parse(readFileSync(join(this.state, "populate.json"), "utf8")) as PopulateResult;
  }

  /** Status by output; of outputs under an updated lock with a plus. */
  statuses(): Record<string, OutputResult["status"]> {
    const { outputs } = this.result();
    return Object.fromEntries(
      outputs.map(({ output, lock, status }) => [lock === "updated" ? `${output} +` : output, status]),
    );
  }

  output(name: string): OutputResult {
    const found = this.result().outputs.find(({ output }) => output === name);
    if (found === undefined) throw new Error(`the result has no ${name}`);
    return found;
  }

  /** Base names of roots by group. */
  roots(): Record<string, string[]> {
    const folder = join(this.env.NIX_BINARY_CACHE_ROOTS ?? "", "populate");
    return Object.fromEntries(readdirSync(folder).map((group) => [group, readdirSync(join(folder, group)).sort()]));
  }

  /** The file that an output is. */
  read(path: string): string {
    return readFileSync(path, "utf8");
  }

  /** As `call`, by a user that is not root. `owned`, folders of this world, become that user's; all of it by default. */
  async callAsNobody(args: readonly string[], owned: readonly string[] = ["."]): Promise<Called> {
    const copy = join(this.folder, "cachectl");
    cpSync(dirname(cachectl), copy, { recursive: true });
    copyFileSync(join(import.meta.dirname, "populate-as-nobody.ts"), join(copy, "as-nobody.ts"));
    this.configure();
    if (process.getuid?.() === 0) {
      for (const folder of owned) execFileSync("chown", ["-R", "65534:65534", join(this.folder, folder)]);
    }
    return this.call(args, ["--import", join(copy, "as-nobody.ts")], join(copy, "main.ts"));
  }
}

const cachectl = join(import.meta.dirname, "../../nix/cachectl/main.ts");

/** Waits for a program's end, and gives what it said. */
export async function outcome(child: ChildProcess): Promise<Called> {
  const [out, errors] = [[] as Buffer[], [] as Buffer[]];
  child.stdout?.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => errors.push(chunk));
  const status = await new Promise<number | null>((resolve, reject) =>
    child.once("close", resolve).once("error", reject),
  );
  return { status, stdout: Buffer.concat(out).toString("utf8"), stderr: Buffer.concat(errors).toString("utf8") };
}
