/**
 * What nginx is told of paths that retention is about to delete: a file HASH each in `deciding`, whose readers wait, and
 * then in `going`, which is answered with 404 (nix/modules/nginx-config.nix). Each folder comes and goes by one rename.
 */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

const hashLength = 32;
const asidePrefix = ".marks-";

/** The marks of one run. */
export class Marks {
  readonly #state: string;
  #folder: string | undefined;

  /** @param stateDirectory holds `deciding` and `going` */
  constructor(stateDirectory: string) {
    this.#state = stateDirectory;
  }

  /** Has the readers of these paths wait, from one request to the next. Throws an Error, with nothing placed, when it can't. */
  place(paths: Iterable<string>): void {
    const aside = mkdtempSync(join(this.#state, asidePrefix));
    try {
      for (const path of paths) writeFileSync(join(aside, hashOf(path)), "");
      // nginx is another user, and the unit's umask is tight; it looks whether a file is there, and reads none.
      chmodSync(aside, 0o755);
      this.#folder = join(this.#state, "deciding");
      renameSync(aside, this.#folder);
    } catch (error) {
      rmSync(aside, { recursive: true, force: true });
      throw error;
    }
  }

  /** Serves these as ever. */
  release(paths: Iterable<string>): void {
    if (this.#folder !== undefined) for (const path of paths) rmSync(join(this.#folder, hashOf(path)), { force: true });
  }

  /** What is marked still is gone for readers from here on. */
  turn(): void {
    const going = join(this.#state, "going");
    renameSync(join(this.#state, "deciding"), going);
    this.#folder = going;
  }

  /** Removes all marks: those of this run, and what a run that was killed left. */
  clear(): void {
    this.#folder = undefined;
    for (const name of leftIn(this.#state)) {
      const aside = join(this.#state, `${asidePrefix}old-${name}`);
      // By a rename, so that no closure is served in part meanwhile; what lies there from another time has no meaning.
      if (!name.startsWith(asidePrefix)) {
        rmSync(aside, { recursive: true, force: true });
        renameSync(join(this.#state, name), aside);
        rmSync(aside, { recursive: true, force: true });
      } else rmSync(join(this.#state, name), { recursive: true, force: true });
    }
  }

  /** Whether there are any, of whichever run. */
  get left(): boolean {
    return leftIn(this.#state).length > 0;
  }
}

function leftIn(stateDirectory: string): string[] {
  try {
    mkdirSync(stateDirectory, { recursive: true, mode: 0o755 });
    return readdirSync(stateDirectory).filter(
      (name) => /^(?:deciding|going)$/.test(name) || name.startsWith(asidePrefix),
    );
  } catch (error) {
    if (["ENOENT", "EACCES"].includes((error as NodeJS.ErrnoException).code ?? "")) return [];
    throw error;
  }
}

function hashOf(path: string): string {
  return basename(path).slice(0, hashLength);
}
