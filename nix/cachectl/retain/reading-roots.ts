import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { ClosureSet } from "./closure-set.ts";
import type { Survey } from "./survey.ts";

/** Roots for one run, for what is being read and no root holds any more: in `reading`, beside the others. */
export class ReadingRoots {
  readonly #folder: string;

  /** @param rootsDirectory `/nix/var/nix/gcroots/nix-binary-cache` */
  constructor(rootsDirectory: string) {
    this.#folder = join(rootsDirectory, "reading");
  }

  /** Makes them; returns the store paths that they hold. */
  hold({ graph, plan, beingRead }: Survey): string[] {
    const held = new ClosureSet(graph);
    for (const { root } of [...plan.keep, ...plan.deferred]) held.add(root.path);
    const loose = [...beingRead].filter((path) => held.missing(path).length > 0);
    if (loose.length > 0) mkdirSync(this.#folder, { recursive: true, mode: 0o755 });
    for (const path of loose) {
      const file = join(this.#folder, basename(path));
      rmSync(file, { force: true });
      symlinkSync(path, file);
    }
    return loose;
  }

  /** Removes all, those of a run that was killed too. */
  clear(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
