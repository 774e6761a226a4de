import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { isStorePath } from "../receive/path-list.ts";
import { isRunning } from "../receive/sessions.ts";
import { announcedLinks } from "./own-roots.ts";
import type { Graph } from "./plan.ts";

/** Where it is seen what is done with the store. */
export interface StoreUseSources {
  /** `/nix/var/nix/db/db.sqlite`. */
  readonly databaseFile: string;
  /** `/nix/var/nix/temproots`: a file for each process, with what it needs until it ends. */
  readonly temporaryRoots: string;
  /** Holds `incoming`. */
  readonly rootsDirectory: string;
}

const busyMilliseconds = 10_000;

/**
 * What uploads and builds use of the store, from the moment on at which this was made. Nix spares each of these paths, with
 * its closure, in a collection that is under way: a process that needs a path writes it into its file of temporary roots
 * and tells the collector (NixOS/nix, src/libstore/gc.cc, addTempRoot); and what a valid path refers to stays valid.
 * Throws an Error where Nix's database can't be read.
 */
export class StoreUse {
  readonly #sources: StoreUseSources;
  readonly #database: DatabaseSync;
  readonly #valid: StatementSync;
  readonly #arrived: StatementSync;
  readonly #since: number;

  constructor(sources: StoreUseSources) {
    this.#sources = sources;
    this.#database = new DatabaseSync(sources.databaseFile, { readOnly: true, timeout: busyMilliseconds });
    // Ids are never given twice (schema.sql: autoincrement).
    this.#since = Number(this.#database.prepare("SELECT coalesce(max(id), 0) AS id FROM ValidPaths").get()?.id);
    this.#valid = this.#database.prepare("SELECT 1 FROM ValidPaths WHERE path = ?");
    this.#arrived = this.#database.prepare(
      "SELECT new.path AS path, old.path AS reference FROM ValidPaths new" +
        " LEFT JOIN Refs ON referrer = new.id LEFT JOIN ValidPaths old ON old.id = reference WHERE new.id > ?",
    );
  }

  /** Valid paths in use now. Of what is not in `graph`, since it is younger, there is also what it refers to. */
  paths(graph: Graph): Set<string> {
    const { temporaryRoots, rootsDirectory } = this.#sources;
    const needed = [...temporaryIn(temporaryRoots), ...announcedLinks(rootsDirectory).map(targetOf)];
    const found = new Set(needed.filter((path) => isStorePath(path) && this.#valid.get(path) !== undefined));
    for (const { path, reference } of this.#arrived.iterate(this.#since)) {
      if (graph.has(String(path))) continue;
      found.add(String(path));
      if (reference !== null) found.add(String(reference));
    }
    return found;
  }

  /** May be called again. */
  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }
}

const targetOf = ({ target }: { readonly target: string }): string => target;

/** What running processes need; the file of one that was killed stays. */
function temporaryIn(folder: string): string[] {
  return entries(folder)
    .filter((name) => /^\d+$/.test(name) && isRunning(Number(name)))
    .flatMap((name) => textOf(join(folder, name)).split("\0"));
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return "";
  }
}
