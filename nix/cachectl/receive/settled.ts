import { join, relative } from "node:path";
import { statusOf, targetOf } from "../lib/folder.ts";

/**
 * Whether what was announced has been committed since: `announced` and `committed` are the two roots of one path
 * (`incoming/BUILDER/NAME`, `uploads/BUILDER/NAME`). The first stays for a while, and keeps nothing that the second does not.
 */
export function isSettled(announced: string, committed: string): boolean {
  const [before, after] = [statusOf(announced), statusOf(committed)];
  if (before?.isSymbolicLink() !== true || after?.isSymbolicLink() !== true) return false;
  return after.mtimeMs >= before.mtimeMs && targetOf(announced) === targetOf(committed);
}

/** Where the committed root of a path is, or would be, whose announced one is `announced`. */
export function committedTwin(rootsDirectory: string, announced: string): string {
  return join(rootsDirectory, "uploads", relative(join(rootsDirectory, "incoming"), announced));
}

/** Where the announced root of a path is, or was, whose committed one is `committed`. */
export function announcedTwin(rootsDirectory: string, committed: string): string {
  return join(rootsDirectory, "incoming", relative(join(rootsDirectory, "uploads"), committed));
}
