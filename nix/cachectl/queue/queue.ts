import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { list, statusOf } from "../lib/folder.ts";
import type { Paths } from "../lib/paths.ts";
import { replaceFile } from "../lib/replace-file.ts";
import { encodeEntry, isEntryName, readEntry, type Entry } from "./entry.ts";
import { EntryRoots } from "./entry-roots.ts";
import { Rejects } from "./rejects.ts";

/** A hook needs milliseconds between a root and its entry; in this time, in milliseconds, no root is taken for left alone. */
const hookTime = 120_000;
/** `queue retry` puts it beside the hook's entries, so that whatever starts the uploader for those starts it for this. */
const retryMark = "retry";

/** What came in: entries moved to the waiting ones, whether all are tried again at once, what could not be moved. */
export interface Intake {
  readonly moved: number;
  readonly retry: boolean;
  readonly stuck: readonly string[];
}

/** Something that was set aside because it can't be uploaded. */
export interface Rejected {
  readonly name: string;
  readonly reason: string;
}

/** What the queue held at one moment. */
export interface QueueSnapshot {
  /** The uploader's entries, the oldest first; times in milliseconds since 1970. */
  readonly waiting: readonly { readonly id: string; readonly queuedAt: number }[];
  /** Names of the hook's entries that the uploader has not taken in yet. */
  readonly arrived: readonly string[];
  /** Names of what was set aside. */
  readonly rejected: readonly string[];
}

/**
 * The queue on disk, a folder for each state of an entry: `tmp` (being written), `new` (written by the hook), `waiting`
 * (the uploader's) and `rejected` (set aside, for a person to look at). Every step between them is one rename. The
 * roots of an entry are `ROOTS/queue/ID`. Only one process at a time may call what changes `waiting`.
 */
export class Queue {
  readonly #folder: string;
  readonly #roots: EntryRoots;
  readonly #rejects: Rejects;

  constructor({ queue, roots }: Pick<Paths, "queue" | "roots">) {
    this.#folder = queue;
    this.#roots = new EntryRoots(join(roots, "queue"));
    this.#rejects = new Rejects(join(queue, "rejected"));
  }

  /** Makes the folders. Throws an Error when they can't be made. */
  prepare(): void {
    for (const name of ["tmp", "new", "waiting"]) mkdirSync(join(this.#folder, name), { recursive: true, mode: 0o755 });
    this.#rejects.prepare();
    this.#roots.prepare();
  }

  /** Moves what the hook wrote to the waiting entries; what has no name of an entry is set aside. */
  takeIn(): Intake {
    const stuck: string[] = [];
    let [moved, retry] = [0, false];
    for (const name of list(join(this.#folder, "new"))) {
      try {
        if (name === retryMark) {
          rmSync(join(this.#folder, "new", name), { recursive: true, force: true });
          retry = true;
        } else if (isEntryName(name)) {
          renameSync(join(this.#folder, "new", name), join(this.#folder, "waiting", name));
          moved += 1;
        } else this.#rejects.setAside(join(this.#folder, "new", name), name, "is not the name of an entry");
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") stuck.push(`${name}: ${(error as Error).message}`);
      }
    }
    return { moved, retry, stuck };
  }

  /** Has everything that waits tried again at once, and starts the uploader where something watches the queue. */
  askForRetry(): void {
    this.prepare();
    replaceFile(join(this.#folder, "tmp", retryMark), "", 0o644);
    renameSync(join(this.#folder, "tmp", retryMark), join(this.#folder, "new", retryMark));
  }

  /** Puts something that was set aside back to what the hook wrote. Throws an Error when there is nothing of that name. */
  putBack(name: string): void {
    this.#rejects.putBack(name, join(this.#folder, "new"));
  }

  /** Names and times of the entries that wait, the oldest first. Nothing is read yet: there may be 10,000. */
  waiting(): QueueSnapshot["waiting"] {
    return list(join(this.#folder, "waiting"))
      .flatMap((id) => {
        const status = statusOf(join(this.#folder, "waiting", id));
        return status === undefined ? [] : [{ id, queuedAt: status.mtimeMs }];
      })
      .sort((a, b) => a.queuedAt - b.queuedAt || (a.id < b.id ? -1 : 1));
  }

  /**
   * All that is there, each entry once, whatever the uploader does meanwhile: read in the order in which entries move, so
   * that none is missed on its way, and one that is met twice counts as waiting.
   */
  snapshot(): QueueSnapshot {
    const arrived = this.arrived();
    const waiting = this.waiting();
    const there = new Set(waiting.map(({ id }) => id));
    return { waiting, arrived: arrived.filter((name) => !there.has(name)), rejected: this.rejected() };
  }

  /** Names of what the hook wrote and the uploader has not taken in yet. */
  arrived(): readonly string[] {
    return list(join(this.#folder, "new")).filter((name) => name !== retryMark);
  }

  /**
   * Reads an entry that waits; undefined when it is gone. One that can't be used is set aside, and written anew from its
   * roots where there are any: what a power cut left of an entry still names its paths there.
   */
  read(id: string): { readonly entry?: Entry; readonly rejected?: Rejected } {
    const file = join(this.#folder, "waiting", id);
    const entry = readEntry(file, id);
    if (entry === undefined) return {};
    if (!("problem" in entry)) return { entry };
    const rejected = this.reject(id, entry.problem);
    const paths = this.rootsOf(id);
    if (paths.length === 0) return { rejected };
    this.#write(id, { paths });
    const again = readEntry(file, id);
    return again === undefined || "problem" in again ? { rejected } : { rejected, entry: again };
  }

  /** An entry that waits or has just arrived; nothing is set aside. */
  peek(id: string): Entry | undefined {
    const found = ["new", "waiting"].map((folder) => readEntry(join(this.#folder, folder, id), id));
    return found.find((entry) => entry !== undefined && !("problem" in entry)) as Entry | undefined;
  }

  /** The entry is done: it goes, and then its roots. Cut off in between, it is queued once more, and is done at once. */
  remove(id: string): void {
    rmSync(join(this.#folder, "waiting", id), { force: true });
    this.unroot(id);
  }

  /** Takes the roots of an entry away. */
  unroot(id: string): void {
    this.#roots.remove(id);
  }

  /** Sets an entry aside; its roots stay. */
  reject(id: string, reason: string): Rejected {
    this.#rejects.setAside(join(this.#folder, "waiting", id), id, reason);
    return { name: id, reason };
  }

  /** What was set aside. */
  rejected(): readonly string[] {
    return this.#rejects.names();
  }

  /** Why something was set aside. */
  reasonOf(name: string): string {
    return this.#rejects.reasonOf(name);
  }

  /** Queues paths as the hook does: roots first. `id` must be new. */
  add(id: string, entry: Pick<Entry, "paths" | "derivation">): void {
    this.#roots.make(id, entry.paths);
    this.#write(id, entry, "new");
  }

  /** Queues what has a root and no entry: left by a hook that was killed, or by a full disk. */
  adopt(now = Date.now()): readonly string[] {
    const known = new Set(["new", "waiting"].flatMap((folder) => list(join(this.#folder, folder))));
    return this.#roots.ids().filter((id) => {
      const made = this.#roots.madeAt(id);
      if (known.has(id) || !isEntryName(id) || made === undefined) return false;
      // Either way from now: the clock may have been wrong, or be wrong now.
      if (Math.abs(now - made.time) < hookTime) return false;
      const paths = this.rootsOf(id);
      if (paths.length === 0) {
        if (made.isFolder) this.unroot(id);
        return false;
      }
      this.#write(id, { paths });
      return true;
    });
  }

  /** The store paths that an entry's roots name. */
  rootsOf(id: string): readonly string[] {
    return this.#roots.of(id);
  }

  /** Removes what killed hooks left half written: their roots tell what it was. */
  clean(now = Date.now()): void {
    for (const name of list(join(this.#folder, "tmp"))) {
      const file = join(this.#folder, "tmp", name);
      const status = statusOf(file);
      if (status !== undefined && Math.abs(now - status.mtimeMs) > hookTime)
        rmSync(file, { recursive: true, force: true });
    }
  }

  #write(id: string, entry: Pick<Entry, "paths" | "derivation">, folder: "new" | "waiting" = "waiting"): void {
    const temporary = join(this.#folder, "tmp", `${id}.queue`);
    rmSync(temporary, { recursive: true, force: true });
    replaceFile(temporary, encodeEntry(entry), 0o644);
    renameSync(temporary, join(this.#folder, folder, id));
  }
}
