import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Builder } from "./builder.ts";

/**
 * Notes a signing key that its builder no longer has, in `withdrawn/NAME`, one a line: without it nobody could tell
 * later which paths the builder alone had signed.
 */
export function withdrawKey(stateDirectory: string, { name, signingKey }: Builder): void {
  if (withdrawnKeys(stateDirectory, name).includes(signingKey)) return;
  mkdirSync(join(stateDirectory, "withdrawn"), { recursive: true, mode: 0o755 });
  appendFileSync(join(stateDirectory, "withdrawn", name), `${signingKey}\n`, { mode: 0o644, flush: true });
}

/** The signing keys that a builder had and no longer has; `name` is a checked name. */
export function withdrawnKeys(stateDirectory: string, name: string): string[] {
  try {
    return readFileSync(join(stateDirectory, "withdrawn", name), "utf8")
      .split("\n")
      .filter((line) => line !== "");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
