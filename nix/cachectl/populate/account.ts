/** A run's beginning and its end: what it is given, and what it gathers. */
import type { Paths } from "../lib/paths.ts";
import type { Progress } from "./progress.ts";
import type { Discovery, OutputResult, PopulateResult } from "./result.ts";
import type { PopulateSettings } from "./settings.ts";

export interface PopulateCall {
  readonly paths: Paths;
  readonly env: NodeJS.ProcessEnv;
  readonly stop: AbortSignal;
  readonly settings: PopulateSettings;
  /** The whole of config.json, for the settings of warming. */
  readonly config: unknown;
  /** The last run. */
  readonly before: PopulateResult | undefined;
  /** Attribute paths to be built in place of what the settings say. */
  readonly only: readonly string[];
  readonly progress: Progress;
}

/** What a run gathers as it goes, so that what was done before a failure is not lost. */
export interface Account {
  readonly problems: string[];
  readonly outputs: OutputResult[];
  revision?: string;
  discovered?: Discovery;
  pushed?: PopulateResult["pushed"];
}

/** What the last run found stays where this one did not come to it: its outputs, or all when the flake was not to be had. */
export function carriedOver(
  { before, only, stop }: PopulateCall,
  { outputs, discovered }: Account,
): readonly OutputResult[] {
  const complete = only.length === 0 && discovered !== undefined && !stop.aborted;
  if (complete || before === undefined) return [];
  const done = new Set(outputs.map(keyOf));
  return before.outputs.filter((output) => !done.has(keyOf(output)));
}

/** Tells one output under one lock from every other. */
export function keyOf({ output, lock }: Pick<OutputResult, "output" | "lock">): string {
  return `${lock} ${output}`;
}
