import { lstatSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";

/** A path that stays although it should go, and what Nix said. */
export interface Kept {
  readonly path: string;
  readonly reason: string;
}

/** What deletes store paths: all of them or, throwing an Error with Nix's words, as many as it got to. */
export type DeletePaths = (paths: readonly string[]) => Promise<void>;

const batch = 200;

/**
 * Removes the roots of `builder`, and those that other builders have for the paths that go: `incoming` and `uploads`
 * below `rootsDirectory`. Returns how many there were. Pins and what the server populated are left: who set them decides.
 */
export function removeRoots(rootsDirectory: string, builder: string | undefined, doomed: ReadonlySet<string>): number {
  let removed = 0;
  for (const kind of ["incoming", "uploads"]) {
    for (const owner of entries(join(rootsDirectory, kind))) {
      for (const name of entries(join(rootsDirectory, kind, owner))) {
        const file = join(rootsDirectory, kind, owner, name);
        const link = lstatSync(file).isSymbolicLink();
        if (owner !== builder && !(link && doomed.has(readlinkSync(file)))) continue;
        // A session of the builder that is still open is a folder of roots.
        rmSync(file, { recursive: true });
        removed += 1;
      }
    }
  }
  return removed;
}

/**
 * Deletes paths in the order given, each before what it refers to. A batch that Nix refuses is tried again one by one, so
 * that one path in use holds back only itself and what it needs.
 */
export async function deletePaths(paths: readonly string[], remove: DeletePaths): Promise<Kept[]> {
  const kept: Kept[] = [];
  for (let start = 0; start < paths.length; start += batch) {
    const some = paths.slice(start, start + batch);
    try {
      await remove(some);
    } catch {
      for (const path of some) kept.push(...(await deleteOne(path, remove)));
    }
  }
  return kept;
}

async function deleteOne(path: string, remove: DeletePaths): Promise<Kept[]> {
  try {
    await remove([path]);
    return [];
  } catch (error) {
    return [{ path, reason: error instanceof Error ? error.message : String(error) }];
  }
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
