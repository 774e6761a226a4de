/** Which lab has which letter: namespaces and addresses are the whole host's, so no two labs may share one. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Instance } from "../instance.ts";
import { isRunning, markOf, type ProcessMark } from "./procfs.ts";

/** Emptied at boot, as are the namespaces. */
const FOLDER = "/run/nix-binary-cache-lab";

function claimFile(id: string, kind: "folder" | "test"): string {
  mkdirSync(FOLDER, { recursive: true, mode: 0o755 });
  return join(FOLDER, `${id}.${kind}`);
}

/** The folder whose lab has this letter; undefined when nobody's has. */
export function ownerOf({ id }: Pick<Instance, "id">): string | undefined {
  const file = claimFile(id, "folder");
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}

/** Takes the instance's letter for its folder. @throws Error when another folder's lab has it */
export function claimLetter(instance: Instance, inUse: boolean): void {
  const owner = ownerOf(instance);
  if (owner !== undefined && owner !== instance.dir && inUse) {
    throw new Error(
      `a lab of another checkout runs on this machine, in ${owner}. End it there (npm run lab -- down), then run this again.`,
    );
  }
  const file = claimFile(instance.id, "folder");
  writeFileSync(`${file}.${process.pid}`, instance.dir);
  renameSync(`${file}.${process.pid}`, file);
}

export function releaseLetter({ id }: Pick<Instance, "id">): void {
  rmSync(claimFile(id, "folder"), { force: true });
}

/**
 * Takes the first of these letters that no running test has, for the process `pid`, and gives it.
 *
 * @throws Error when all are taken
 */
export function claimForTest(letters: readonly string[], pid = process.pid): string {
  const found = letters.find((letter) => tryClaim(letter, pid));
  if (found === undefined)
    throw new Error(`every lab for tests is in use: ${letters.join(", ")}. Wait for one to end.`);
  return found;
}

function tryClaim(letter: string, pid: number): boolean {
  const file = claimFile(letter, "test");
  for (let tries = 0; tries < 2; tries += 1) {
    try {
      writeFileSync(file, JSON.stringify(markOf(pid)), { flag: "wx" });
      return true;
    } catch {
      if (isHeld(file)) return false;
      rmSync(file, { force: true });
    }
  }
  return false;
}

function isHeld(file: string): boolean {
  try {
    return isRunning(JSON.parse(readFileSync(file, "utf8")) as ProcessMark);
  } catch {
    // Gone meanwhile, or not yet written: somebody is at it.
    return existsSync(file);
  }
}

/** Hands a test's letter over to another process, such as the one that cleans up. */
export function handOver(letter: string, pid: number): void {
  const file = claimFile(letter, "test");
  writeFileSync(`${file}.${process.pid}`, JSON.stringify(markOf(pid)));
  renameSync(`${file}.${process.pid}`, file);
}
