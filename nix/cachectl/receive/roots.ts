import { randomBytes } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import type { Limits } from "./limits.ts";
import { Refusal } from "./refusal.ts";
import { openSession, type SessionRoots } from "./sessions.ts";

/** No store path's base name begins with a dot; a full name with more behind it would not fit a file name. */
const temporaryPrefix = ".tmp-";

const day = 24 * 3600 * 1000;

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

  /** How many roots of each kind there are. */
  counts(): { readonly incoming: number; readonly uploads: number } {
    return { incoming: list(this.#incoming).length, uploads: list(this.#uploads).length };
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

  /** Moves the roots of announced paths to `uploads`. A path that was committed before, and not announced again, stays. */
  commit(paths: readonly string[]): void {
    mkdirSync(this.#uploads, { recursive: true, mode: 0o755 });
    for (const path of paths) {
      const name = basename(path);
      // Both on one file system, so that there is no moment without a root.
      if (isRoot(join(this.#incoming, name), path)) renameSync(join(this.#incoming, name), join(this.#uploads, name));
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

  /** Removes what was announced too long ago. */
  #expire(days: number): void {
    const limit = Date.now() - days * day;
    for (const name of existsSync(this.#incoming) ? readdirSync(this.#incoming) : []) {
      const file = join(this.#incoming, name);
      const { mtimeMs } = lstatSync(file, { throwIfNoEntry: false }) ?? { mtimeMs: limit };
      if (mtimeMs < limit) rmSync(file, { force: true, recursive: true });
    }
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory).filter((name) => !name.startsWith("."));
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
