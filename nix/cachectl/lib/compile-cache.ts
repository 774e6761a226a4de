import { lstatSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { join } from "node:path";

/**
 * Has Node keep what it made of these files between two starts: three calls of the receiver come with every upload, and
 * most of the time of each went into stripping types. Kept below the state, in a folder that only this account writes to,
 * for Node runs what it finds there. Where there is none, or it can't be used, nothing is kept.
 */
export function keepCompiled(state: string, uid = process.getuid?.()): void {
  // Root's is made by Node itself; the account that takes uploads has one from `builders add`.
  const parent = uid === 0 ? state : join(state, "compiled");
  const found = lstatSync(parent, { throwIfNoEntry: false });
  if (!found?.isDirectory() || found.uid !== uid || (found.mode & 0o022) !== 0) return;
  enableCompileCache(uid === 0 ? join(state, "compiled-root") : parent);
}
