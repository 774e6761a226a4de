/** What tests of populate watch: the commands that it gives to Nix, and the processes that it leaves. */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "../../nix/cachectl/receive/local-host.ts";
import type { Called, PopulateWorld } from "./populate-world.ts";

/** Calls cachectl and tells which commands it gave to Nix: `eval`, `flake metadata`, … */
export async function counted(
  world: PopulateWorld,
  args: readonly string[],
): Promise<Called & { readonly calls: readonly string[] }> {
  const [bin, log] = [join(world.folder, "counting"), join(world.folder, "calls")];
  mkdirSync(bin, { recursive: true });
  copyFileSync(join(import.meta.dirname, "populate-flakes/count-nix.sh"), join(bin, "nix"));
  rmSync(log, { force: true });
  const path = world.env.PATH;
  Object.assign(world.env, { PATH: `${bin}:${path}`, COUNTED_NIX: findProgram("nix", path, []), COUNTED_CALLS: log });
  const called = await world.call(args);
  world.env.PATH = path;
  const lines = readFileSync(log, "utf8").trim().split("\n");
  return { ...called, calls: lines.map((line) => /^(?:(?:flake|config|derivation) )?[a-z-]+/.exec(line)?.[0] ?? line) };
}

/** Command lines of the processes that have the world's folder in their environment: all that was started in it. */
export function processesOf({ folder }: PopulateWorld): string[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids
    .filter((pid) => read(pid, "environ").includes(folder))
    .map((pid) => read(pid, "cmdline").replaceAll("\0", " "));
}

function read(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    // It ended meanwhile, or is another user's.
    return "";
  }
}
