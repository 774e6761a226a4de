/** Before the outputs are made one after another: evaluates together those that have to be evaluated and are likely well. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { FlakeOutput } from "./attribute.ts";
import type { Filling, Variant } from "./fill.ts";
import { isKnown } from "./known.ts";
import type { OutputResult } from "./result.ts";
import { evaluateTogether, type Together } from "./together.ts";

/**
 * Gives what could be evaluated together; each of its derivations has its root until its output is made. Never fails.
 *
 * @param last what the last run found of an output
 */
export async function prepare(
  { nix, roots, settings, folder }: Omit<Filling, "evaluated">,
  outputs: readonly FlakeOutput[],
  { flake }: Variant,
  last: (output: FlakeOutput) => OutputResult | undefined,
): Promise<Together> {
  const waiting = outputs.filter((output) => {
    const before = last(output);
    // What failed the last time would most likely keep the others from being evaluated.
    return before?.status !== "failed" && !isKnown(roots, output, flake, before);
  });
  const place = join(folder, "evaluated");
  rmSync(place, { recursive: true, force: true });
  if (waiting.length < 2 || nix.stop.aborted) return new Map();
  mkdirSync(place);
  try {
    const { timeoutSeconds, memoryBytes } = settings;
    const limits = { deadline: Date.now() + timeoutSeconds * 1000, memoryBytes, roots: place };
    const evaluated = await evaluateTogether(nix, flake, waiting, limits);
    for (const { name, group } of waiting) {
      const found = evaluated.get(name);
      if (found !== undefined) roots.hold(group, [found.drvPath]);
    }
    return evaluated;
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}
