/** The garbage collector's roots of what populate built: `populate/GROUP/NAME`, NAME being the path's base name. */
import { existsSync, lstatSync, lutimesSync, mkdirSync, renameSync, rmdirSync, rmSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { list, targetOf } from "../lib/folder.ts";

/** No store path's base name begins with a dot. */
const pendingPrefix = ".pending-";
const temporaryPrefix = ".tmp-";

/**
 * Roots by group: a machine, or an output. A link's time is when its path was last wanted, so that what is current is
 * always the newest, also when it was built long ago; all links of one generation have the same time.
 */
export class PopulateRoots {
  readonly #folder: string;

  /** `roots` is /nix/var/nix/gcroots/nix-binary-cache. Throws an Error when its `populate` can't be made. */
  constructor(roots: string) {
    this.#folder = join(roots, "populate");
    mkdirSync(this.#folder, { recursive: true, mode: 0o755 });
  }

  /** Whether all paths have their root in a group, and are there. */
  holds(group: string, paths: readonly string[]): boolean {
    return (
      paths.length > 0 &&
      paths.every((path) => targetOf(join(this.#folder, group, basename(path))) === path && existsSync(path))
    );
  }

  /**
   * Roots paths that are not there yet: Nix keeps such a root, and counts it as soon as the path is valid. There is no
   * moment between the end of a build and its root at which a garbage collection could take it.
   */
  hold(group: string, paths: readonly string[]): void {
    for (const path of paths) this.#link(group, `${pendingPrefix}${basename(path)}`, path);
  }

  /** Takes back what `hold` held. */
  drop(group: string): void {
    const folder = join(this.#folder, group);
    for (const name of list(folder)) if (name.startsWith(".")) rmSync(join(folder, name), { force: true });
    removeIfEmpty(folder);
  }

  /** Makes `paths` the newest generation of a group; the others but the last `keep` lose their roots. */
  commit(group: string, paths: readonly string[], keep: number, time: Date): void {
    for (const path of paths) this.#link(group, basename(path), path, time);
    const folder = join(this.#folder, group);
    const links = list(folder).filter((name) => !name.startsWith("."));
    // Retention may take one away at any time.
    const timeOf = (name: string): number => lstatSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? 0;
    const times = new Map(links.map((name) => [name, timeOf(name)]));
    const generations = [...new Set(times.values())].sort((a, b) => b - a);
    const oldest = generations[keep - 1] ?? -Infinity;
    for (const [name, when] of times) if (when < oldest) rmSync(join(folder, name), { force: true });
  }

  /** Removes what a run that was killed left behind. */
  clean(): void {
    for (const group of list(this.#folder)) this.drop(group);
  }

  #link(group: string, name: string, path: string, time?: Date): void {
    const folder = join(this.#folder, group);
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    const temporary = join(folder, `${temporaryPrefix}${name}`.slice(0, 250));
    rmSync(temporary, { force: true });
    symlinkSync(path, temporary);
    if (time !== undefined) lutimesSync(temporary, time, time);
    renameSync(temporary, join(folder, name));
  }
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // It holds other roots.
  }
}
