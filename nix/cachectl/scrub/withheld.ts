/**
 * Paths that are in the store and must not be served: a file `withheld/HASH` each, which nginx looks for before it asks
 * Harmonia. So one rename takes a path out of service, whoever needs it, and one removal puts it back.
 */
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { replaceFile } from "../lib/replace-file.ts";

const hashLength = 32;

/** Where the marks are. */
export function withheldFolder(stateDirectory: string): string {
  return join(stateDirectory, "withheld");
}

/** Takes paths out of service, because `cause` is corrupt: itself and all that needs it. */
export function withhold(stateDirectory: string, cause: string, paths: Iterable<string>): void {
  const folder = withheldFolder(stateDirectory);
  mkdirSync(folder, { recursive: true });
  // nginx is another user, and the unit's umask is tight.
  chmodSync(folder, 0o755);
  for (const path of paths) {
    const causes = new Set([...causesOf(markOf(folder, path)), cause]);
    replaceFile(markOf(folder, path), `${[...causes].join("\n")}\n`, 0o644);
  }
}

/** Puts back whatever was out of service for this cause alone. */
export function release(stateDirectory: string, cause: string): void {
  const folder = withheldFolder(stateDirectory);
  for (const name of marks(folder)) {
    const causes = causesOf(join(folder, name));
    const others = causes.filter((other) => other !== cause);
    if (others.length === causes.length) continue;
    if (others.length === 0) rmSync(join(folder, name), { force: true });
    else replaceFile(join(folder, name), `${others.join("\n")}\n`, 0o644);
  }
}

/** The corrupt paths that something is withheld for. */
export function withheldCauses(stateDirectory: string): string[] {
  const folder = withheldFolder(stateDirectory);
  return [...new Set(marks(folder).flatMap((name) => causesOf(join(folder, name))))].sort();
}

function markOf(folder: string, path: string): string {
  return join(folder, basename(path).slice(0, hashLength));
}

function marks(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.length === hashLength);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function causesOf(file: string): string[] {
  try {
    return readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line !== "");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
