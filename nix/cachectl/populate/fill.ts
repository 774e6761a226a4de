/** One output, from its evaluation to its root. Whatever goes wrong with it costs only itself. */
import { existsSync } from "node:fs";
import type { BuildPlan } from "../coverage/plan.ts";
import type { FlakeOutput } from "./attribute.ts";
import { afterwards } from "./afterwards.ts";
import type { StoreReader } from "./closure.ts";
import { failure } from "./failure.ts";
import { build, planBuild } from "./build.ts";
import { evaluate, type Evaluated } from "./evaluate.ts";
import { isKnown } from "./known.ts";
import type { LockedFlake } from "./locked-flake.ts";
import type { Nix } from "./nix.ts";
import { isSuccess, type OutputResult, type Status } from "./result.ts";
import type { PopulateRoots } from "./roots.ts";
import type { PopulateSettings } from "./settings.ts";
import type { Together } from "./together.ts";
import { isUpstream } from "./upstream.ts";

/** What all outputs of a run have in common. */
export interface Filling {
  readonly nix: Nix;
  readonly store: StoreReader;
  readonly roots: PopulateRoots;
  readonly settings: PopulateSettings;
  /** populate's own. */
  readonly folder: string;
  /** The whole of config.json, for the settings of warming. */
  readonly config: unknown;
  /** What this machine can build for. */
  readonly systems: ReadonlySet<string>;
  /** The time of this run's generation. */
  readonly time: Date;
  /** Outputs that were evaluated together already. */
  readonly evaluated: Together;
}

/** A flake under one of the locks that are built. */
export interface Variant {
  readonly lock: OutputResult["lock"];
  readonly flake: LockedFlake;
}

type Finding = Pick<OutputResult, "status"> & Partial<OutputResult>;

/** Fills the cache with one output. Never fails: what went wrong stands in the result. */
export async function fill(
  filling: Filling,
  output: FlakeOutput,
  { lock, flake }: Variant,
  before: OutputResult | undefined,
): Promise<OutputResult> {
  const started = Date.now();
  const deadline = started + filling.settings.timeoutSeconds * 1000;
  const finding = await attempt(filling, output, flake, before, deadline);
  const lastSuccess = isSuccess(finding.status) ? filling.time.toISOString() : before?.lastSuccess;
  return {
    output: output.name,
    lock,
    kind: output.kind,
    group: output.group,
    seconds: (Date.now() - started) / 1000,
    fingerprint: flake.fingerprint,
    ...(lastSuccess !== undefined && { lastSuccess }),
    ...finding,
  };
}

async function attempt(
  filling: Filling,
  output: FlakeOutput,
  flake: LockedFlake,
  before: OutputResult | undefined,
  deadline: number,
): Promise<Finding> {
  try {
    if (filling.nix.stop.aborted) return { status: "skipped", reason: "the run was stopped" };
    return knownFrom(filling, output, flake, before) ?? (await make(filling, output, flake, before, deadline));
  } catch (error) {
    return failure(error, filling.settings);
  }
}

/** The flake is the one of the last run, and what it gave then is still there: nothing has to be asked of Nix. */
function knownFrom(
  { roots, settings, time }: Filling,
  output: FlakeOutput,
  flake: LockedFlake,
  before: OutputResult | undefined,
): Finding | undefined {
  if (!isKnown(roots, output, flake, before)) return undefined;
  if (before.status === "upstream" || before.status === "left") {
    return { status: before.status, ...(before.reason !== undefined && { reason: before.reason }) };
  }
  const { paths = [], closureBytes } = before;
  roots.commit(output.group, paths, keepOf(output, settings), time);
  return { status: "unchanged", paths, ...(closureBytes !== undefined && { closureBytes }) };
}

function keepOf({ kind }: FlakeOutput, { keepSystems, keepPackages }: PopulateSettings): number {
  return kind === "system" ? keepSystems : keepPackages;
}

async function make(
  filling: Filling,
  output: FlakeOutput,
  flake: LockedFlake,
  before: OutputResult | undefined,
  deadline: number,
): Promise<Finding> {
  const { nix, roots, settings, systems, time } = filling;
  const found = filling.evaluated.get(output.name) ?? (await evaluate(nix, flake, output.path, deadline));
  if (!systems.has(found.system)) return { status: "left", reason: `it is for ${found.system}` };
  const expected = [...found.outputs.values()];
  const keep = keepOf(output, settings);
  if (!found.open && roots.holds(output.group, expected)) {
    roots.commit(output.group, expected, keep, time);
    return { status: "unchanged", paths: expected, ...carried(before, expected) };
  }
  roots.hold(output.group, [found.drvPath, ...expected]);
  try {
    return await realise(filling, output, found, before, deadline);
  } catch (error) {
    if (existsSync(found.drvPath)) throw error;
    // A collection that looked for roots before there was this one took the derivation. From here on it stays.
    return realise(filling, output, await evaluate(nix, flake, output.path, deadline), before, deadline);
  }
}

/** Builds or fetches what was evaluated, which is held, and gives it its root. */
async function realise(
  filling: Filling,
  output: FlakeOutput,
  found: Evaluated,
  before: OutputResult | undefined,
  deadline: number,
): Promise<Finding> {
  const { nix, roots, settings, time } = filling;
  const expected = [...found.outputs.values()];
  const plan = await planBuild(nix, found.drvPath, deadline);
  if (await isUpstream(filling, output, found, plan)) return { status: "upstream" };
  const isThere = plan.builds.length + plan.fetches.length + plan.missing.length === 0 && !found.open;
  const paths = isThere ? expected : await build(nix, found.drvPath, deadline);
  roots.commit(output.group, paths, keepOf(output, settings), time);
  return { status: statusOf(plan), paths, ...counts(plan), ...(await afterwards(filling, paths, before?.paths ?? [])) };
}

function carried(before: OutputResult | undefined, paths: readonly string[]): Partial<OutputResult> {
  const same = before?.closureBytes !== undefined && paths.every((path) => before.paths?.includes(path));
  return same ? { closureBytes: before.closureBytes } : {};
}

function statusOf({ builds, fetches }: BuildPlan): Status {
  return builds.length > 0 ? "built" : fetches.length > 0 ? "fetched" : "present";
}

function counts({ builds, fetches, downloadBytes }: BuildPlan): Partial<OutputResult> {
  return { builds: builds.length, fetches: fetches.length, downloadBytes };
}
