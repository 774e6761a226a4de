/** What the last run left: an output that is as it was costs nothing, or its evaluation at most. */
import type { FlakeOutput } from "./attribute.ts";
import type { LockedFlake } from "./locked-flake.ts";
import { isSuccess, type OutputResult } from "./result.ts";
import type { PopulateRoots } from "./roots.ts";

/** Whether the flake is the one of the last run, and what it gave then is still there: nothing has to be asked of Nix. */
export function isKnown(
  roots: PopulateRoots,
  { group }: FlakeOutput,
  { fingerprint }: LockedFlake,
  before: OutputResult | undefined,
): before is OutputResult {
  if (before?.fingerprint !== fingerprint || !isSuccess(before.status)) return false;
  return before.status === "upstream" || before.status === "left" || roots.holds(group, before.paths ?? []);
}
