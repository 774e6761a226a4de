import { randomBytes } from "node:crypto";
import { lstatSync, mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import type { Limits } from "./limits.ts";
import { Refusal } from "./refusal.ts";
import { openSession, type SessionRoots } from "./sessions.ts";
import { isSettled } from "./settled.ts";

/** No store path's base name begins with a dot; a full name with more behind it would not fit a file name. */
const temporaryPrefix = ".tmp-";

const day = 24 * 3600 * 1000;

/**
 * For so many milliseconds a committed path has both its roots. Nix's collector reads the folders of roots one after the
 * other: of a root that was moved from one that it has yet to read to one that it has read, it sees nothing, and deletes
 * the path (tried on 2.8 and 2.26.3).
 */
const overlap = 30_000;

/**
 * The garbage collector's roots of one builder: `incoming/BUILDER/NAME` while a path is announced, `uploads/BUILDER/NAME`
 * once it is committed, NAME being the path's base name. Nix keeps a root whose path is not there yet and counts it as
 * soon as the path is (tried on 2.26.3).
 */
export class BuilderRoots {
  readonly #incoming: string;
  readonly #uploads: string;

  /** `roots` holds `incoming` and `uploads`; `builder` is a checked name. */
  constructor(roots: string, builder: string) {
    this.#incoming = join(roots, "incoming", builder);
    this.#uploads = join(roots, "uploads", builder);
  }

  /** How many paths are announced and not committed, and how many are committed. */
  counts(): { readonly incoming: number; readonly uploads: number } {
    const incoming = list(this.#incoming).filter((name) => !this.#isSettled(name));
    return { incoming: incoming.length, uploads: list(this.#uploads).length };
  }

  /** Makes a root for each path. Throws a Refusal, having made none, if the builder would have too many. */
  announce(paths: readonly string[], limits: Pick<Limits, "maxRoots" | "incomingDays">): void {
    this.#expire(limits.incomingDays);
    const total = new Set([...list(this.#incoming), ...list(this.#uploads), ...paths.map((path) => basename(path))])
      .size;
    if (total > limits.maxRoots) {
      throw new Refusal("limit", `${total} roots of this builder, at most ${limits.maxRoots} are kept`);
    }
    mkdirSync(this.#incoming, { recursive: true, mode: 0o755 });
    for (const path of paths) link(path, this.#incoming);
  }

  /** Whether a path is announced, or was committed before. */
  holds(path: string): boolean {
    return [this.#incoming, this.#uploads].some((directory) => isRoot(join(directory, basename(path)), path));
  }

  /** Makes the roots in `uploads` of announced paths. One that was committed before, and not announced again, stays. */
  commit(paths: readonly string[]): void {
    mkdirSync(this.#uploads, { recursive: true, mode: 0o755 });
    for (const path of paths) {
      const name = basename(path);
      if (isRoot(join(this.#incoming, name), path) && !this.#isSettled(name)) link(path, this.#uploads);
    }
  }

  /**
   * Begins to hold paths for one session: those that a client asked about and those that it sends. Nix's own temporary
   * roots do not last so long: 2.26 opens a new connection to its daemon for each path that it adds, and forgets those of
   * the one before. A garbage collection in the middle of an upload would take what came, or was found, a moment earlier.
   * Throws a Refusal when the builder has too many sessions open.
   */
  openSession(limits: Pick<Limits, "maxSessions">): SessionRoots {
    return openSession(this.#incoming, limits);
  }

  /** Removes what was announced too long ago, or was committed since and has had its second root for long enough. */
  #expire(days: number): void {
    const now = Date.now();
    for (const name of all(this.#incoming)) {
      const file = join(this.#incoming, name);
      const isOld = timeOf(file) < now - days * day;
      const isDone = this.#isSettled(name) && timeOf(join(this.#uploads, name)) < now - overlap;
      if (isOld || isDone) rmSync(file, { force: true, recursive: true });
    }
  }

  #isSettled(name: string): boolean {
    return isSettled(join(this.#incoming, name), join(this.#uploads, name));
  }
}

function list(directory: string): string[] {
  return all(directory).filter((name) => !name.startsWith("."));
}

/** Milliseconds since 1970; of what is gone, now. */
function timeOf(file: string): number {
  return lstatSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
}

function all(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function isRoot(file: string, path: string): boolean {
  try {
    return readlinkSync(file) === path;
  } catch {
    return false;
  }
}

/** Makes the link anew even where it is there, so that its time tells when it was last announced. */
function link(path: string, directory: string): void {
  const temporary = join(directory, `${temporaryPrefix}${randomBytes(6).toString("hex")}`);
  symlinkSync(path, temporary);
  renameSync(temporary, join(directory, basename(path)));
}
