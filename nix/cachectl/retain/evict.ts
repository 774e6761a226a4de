import { randomBytes } from "node:crypto";
import { closeSync, constants, lstatSync, openSync, readlinkSync, realpathSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { announcedTwin, isSettled } from "../receive/settled.ts";
import type { Root } from "./plan.ts";

/** What came of removing roots. */
export interface Eviction {
  readonly removed: number;
  /** Roots that were renewed, replaced or removed by somebody else since they were read: they are left as they are. */
  readonly left: readonly string[];
}

/**
 * Removes the links of roots that are to go, in the order given. What was announced or committed anew in the meantime
 * stays: it is not the root that was decided about. Cut off at any moment, it leaves fewer roots, and each of them whole.
 *
 * Folders below `uploads` and `incoming` belong to `nix-push`, who could put a link to some other folder in the place of
 * one of them while root is at work here. So each folder is opened first and worked on by its handle (Linux: /proc), and
 * only if it is where it should be.
 */
export function evictRoots(roots: readonly Root[], rootsDirectory: string, stop?: AbortSignal): Eviction {
  const real = realpathSync(rootsDirectory);
  const handles = new Map<string, number | undefined>();
  const handleOf = (folder: string): number | undefined => {
    if (!handles.has(folder)) handles.set(folder, openFolder(folder, join(real, folder.slice(rootsDirectory.length))));
    return handles.get(folder);
  };
  const left: string[] = [];
  let removed = 0;
  try {
    for (const root of roots) {
      if (stop?.aborted === true) break;
      if (root.name.startsWith(join(rootsDirectory, "uploads/"))) removeAnnounced(root, rootsDirectory, handleOf);
      const handle = handleOf(dirname(root.name));
      if (handle !== undefined && removeLink(`/proc/self/fd/${handle}`, root)) removed += 1;
      else left.push(root.name);
    }
  } finally {
    for (const handle of handles.values()) if (handle !== undefined) closeSync(handle);
  }
  return { removed, left };
}

/** Removes what was left of a committed path's way here: alone it would keep the path, as one that never came. */
function removeAnnounced(
  { name }: Root,
  rootsDirectory: string,
  handleOf: (folder: string) => number | undefined,
): void {
  const announced = announcedTwin(rootsDirectory, name);
  if (!isSettled(announced, name)) return;
  const handle = handleOf(dirname(announced));
  if (handle !== undefined) rmSync(`/proc/self/fd/${handle}/${basename(announced)}`, { force: true });
}

/** A folder's handle; undefined when there is none, or when it is not where its name says. */
function openFolder(folder: string, expected: string): number | undefined {
  let handle: number;
  try {
    handle = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
  if (readlinkSync(`/proc/self/fd/${handle}`) === expected) return handle;
  closeSync(handle);
  return undefined;
}

/** Takes the link aside first, where it is a root still, and looks at what was taken: so nobody can renew it unseen. */
function removeLink(folder: string, { name, path, time }: Root): boolean {
  const file = join(folder, basename(name));
  const aside = join(folder, `.tmp-${randomBytes(6).toString("hex")}`);
  try {
    renameSync(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
  const found = lstatSync(aside);
  const same =
    found.isSymbolicLink() && readlinkSync(aside).startsWith(path) && Math.floor(found.mtimeMs / 1000) === time;
  // What is not the root that was decided about is put back, unless there is one in its place by now.
  if (!same && lstatSync(file, { throwIfNoEntry: false }) === undefined) renameSync(aside, file);
  else rmSync(aside, { force: true });
  return same;
}
