import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { list, statusOf, targetOf } from "../lib/folder.ts";
import { isStorePath } from "../receive/path-list.ts";

/** The roots of the queue's entries, `ROOTS/queue/ID`: a folder of links to store paths, or one link where there is one path. */
export class EntryRoots {
  readonly #folder: string;

  /** @param folder `ROOTS/queue` */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Makes the folder. Throws an Error when it can't be made. */
  prepare(): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o755 });
  }

  /** Entries that have roots. */
  ids(): readonly string[] {
    return list(this.#folder);
  }

  /** The store paths that an entry's roots name. */
  of(id: string): readonly string[] {
    const root = join(this.#folder, id);
    const links = statusOf(root)?.isDirectory() ? list(root).map((name) => join(root, name)) : [root];
    return links.map((link) => targetOf(link) ?? "").filter(isStorePath);
  }

  /** When an entry's roots were made, in milliseconds since 1970, and whether they are a folder; undefined without any. */
  madeAt(id: string): { readonly time: number; readonly isFolder: boolean } | undefined {
    const status = statusOf(join(this.#folder, id));
    return status && { time: status.mtimeMs, isFolder: status.isDirectory() };
  }

  make(id: string, paths: readonly string[]): void {
    const folder = join(this.#folder, id);
    mkdirSync(folder, { recursive: true });
    for (const path of paths) link(path, join(folder, path.slice(path.lastIndexOf("/") + 1)));
  }

  remove(id: string): void {
    rmSync(join(this.#folder, id), { recursive: true, force: true });
  }
}

function link(path: string, file: string): void {
  if (targetOf(file) === path) return;
  rmSync(file, { recursive: true, force: true });
  symlinkSync(path, file);
}
