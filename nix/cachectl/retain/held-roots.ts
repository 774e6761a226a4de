import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { ClosureSet } from "./closure-set.ts";
import type { Survey } from "./survey.ts";

/** Roots for one run, in `held` beside the others: what was decided to stay stays, whoever lets go of it meanwhile. */
export class HeldRoots {
  readonly #folder: string;
  readonly #uploads: string;

  /** @param rootsDirectory `/nix/var/nix/gcroots/nix-binary-cache` */
  constructor(rootsDirectory: string) {
    this.#folder = join(rootsDirectory, "held");
    this.#uploads = join(rootsDirectory, "uploads/");
  }

  /**
   * Holds what is being read and no root holds any more, what is in use, and what roots keep that others than retention
   * remove: populate's, those of sessions, of processes. Returns the store paths that no root of the plan holds.
   */
  hold({ graph, plan, beingRead }: Survey, inUse: Iterable<string>): string[] {
    const staying = [...plan.keep, ...plan.deferred].map(({ root }) => root);
    const closures = new ClosureSet(graph);
    for (const { path } of staying) closures.add(path);
    const loose = [...inUse, ...[...beingRead].filter((path) => closures.missing(path).length > 0)];
    const passing = staying.filter(({ name }) => !name.startsWith(this.#uploads)).map(({ path }) => path);
    this.#link(new Set([...loose, ...passing]));
    return loose;
  }

  /** Removes all, those of a run that was killed too. */
  clear(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #link(paths: ReadonlySet<string>): void {
    this.clear();
    mkdirSync(this.#folder, { recursive: true, mode: 0o755 });
    for (const path of paths) symlinkSync(path, join(this.#folder, basename(path)));
  }
}
