/** A run of populate as a whole: the flake, its locks, its outputs one after another. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Paths } from "../lib/paths.ts";
import { type FlakeOutput, flakeOutput, isDarwin, parseAttribute, showAttribute } from "./attribute.ts";
import { discover } from "./discover.ts";
import { fill, type Filling, type Variant } from "./fill.ts";
import { fetchFlake, type FetchedFlake, offerLock, updatedVariant } from "./flake.ts";
import { openHost, type PopulateHost } from "./host.ts";
import { systems as systemsOf } from "./nix.ts";
import { prepare } from "./prepare.ts";
import type { Progress } from "./progress.ts";
import { type Discovery, isSuccess, type OutputResult, type PopulateResult } from "./result.ts";
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
interface Account {
  readonly problems: string[];
  readonly outputs: OutputResult[];
  revision?: string;
  discovered?: Discovery;
  pushed?: PopulateResult["pushed"];
}

/** Runs once. Never fails: what went wrong stands in the result. The caller holds the lock. */
export async function populate(call: PopulateCall): Promise<PopulateResult> {
  const started = new Date();
  const account: Account = { problems: [], outputs: [] };
  try {
    await work(call, started, account);
  } catch (error) {
    if (!call.stop.aborted) account.problems.push(messageOf(error));
  }
  const finished = new Date();
  const { problems, outputs, ...more } = account;
  return {
    version: 1,
    host: call.settings.host,
    flake: call.settings.flake,
    started: started.toISOString(),
    finished: finished.toISOString(),
    seconds: (finished.getTime() - started.getTime()) / 1000,
    problems,
    stopped: call.stop.aborted,
    outputs: [...outputs, ...carriedOver(call, account)],
    ...(call.before?.discovered && { discovered: call.before.discovered }),
    ...more,
  };
}

/** What the last run found stays where this one did not come to it: its outputs, or all when the flake was not to be had. */
function carriedOver({ before, only, stop }: PopulateCall, { outputs, discovered }: Account): readonly OutputResult[] {
  const complete = only.length === 0 && discovered !== undefined && !stop.aborted;
  if (complete || before === undefined) return [];
  const done = new Set(outputs.map(keyOf));
  return before.outputs.filter((output) => !done.has(keyOf(output)));
}

function keyOf({ output, lock }: Pick<OutputResult, "output" | "lock">): string {
  return `${lock} ${output}`;
}

async function work(call: PopulateCall, time: Date, account: Account): Promise<void> {
  const { settings, progress } = call;
  mkdirSync(join(call.paths.state, "populate"), { recursive: true, mode: 0o750 });
  const host = openHost(call);
  host.roots.clean();
  progress.note(`reading ${settings.flake}`);
  const fetched = await fetchFlake(host);
  account.revision = fetched.flake.revision;
  const systems = await systemsOf(host.nix, Date.now() + settings.timeoutSeconds * 1000);
  const outputs = await choose(call, host, fetched, systems, account);
  const filling: Omit<Filling, "evaluated"> = { ...host, ...call, systems: new Set(systems), time };
  await fillAll(call, filling, outputs, { lock: "committed", flake: fetched.flake }, account);
  if (settings.lock !== "committed") await withUpdatedLock(call, host, fetched, filling, outputs, account);
}

/** The outputs of this run: those asked for, those of the settings, or those found. */
async function choose(
  { settings, only, before, progress }: PopulateCall,
  { nix }: PopulateHost,
  { flake }: FetchedFlake,
  systems: readonly string[],
  account: Account,
): Promise<FlakeOutput[]> {
  const listed = only.length > 0 ? only : settings.outputs;
  if (listed !== undefined) {
    const paths = listed.map(parseAttribute);
    account.discovered = { fingerprint: "", outputs: [], left: paths.filter(isDarwin) };
    return paths.filter((path) => !isDarwin(path)).map(flakeOutput);
  }
  if (before?.discovered?.fingerprint === flake.fingerprint) {
    account.discovered = before.discovered;
  } else {
    progress.note("finding its outputs");
    const { discovery, unlisted } = await discover(nix, flake, systems, settings.timeoutSeconds);
    account.problems.push(...unlisted.map(({ path, reason }) => `${showAttribute(path)} can't be listed: ${reason}`));
    // A list that is not whole is made anew the next time.
    account.discovered = unlisted.length === 0 ? discovery : { ...discovery, fingerprint: "" };
  }
  return account.discovered.outputs.map(flakeOutput);
}

async function fillAll(
  { before, progress, stop }: PopulateCall,
  shared: Omit<Filling, "evaluated">,
  outputs: readonly FlakeOutput[],
  variant: Variant,
  account: Account,
): Promise<void> {
  const known = new Map(before?.outputs.map((result) => [keyOf(result), result]));
  const last = ({ name }: FlakeOutput): OutputResult | undefined =>
    known.get(keyOf({ output: name, lock: variant.lock }));
  const evaluated = await prepare(shared, outputs, variant, last);
  for (const [index, output] of outputs.entries()) {
    if (stop.aborted) break;
    progress.begin(index + 1, outputs.length, output.name, variant.lock);
    const result = await fill({ ...shared, evaluated }, output, variant, last(output));
    // Stopped half-way, it is as the last run left it.
    if (result.status !== "skipped") account.outputs.push(result);
    progress.end(result);
  }
  // Those that it did not come to.
  for (const { group } of outputs) shared.roots.drop(group);
}

/** The same outputs once more, with the flake's inputs as they are today. The committed lock has been built by then. */
async function withUpdatedLock(
  call: PopulateCall,
  host: PopulateHost,
  fetched: FetchedFlake,
  filling: Omit<Filling, "evaluated">,
  outputs: readonly FlakeOutput[],
  account: Account,
): Promise<void> {
  try {
    call.progress.note("updating the lock");
    const variant = await updatedVariant(host, fetched);
    if (variant === undefined) {
      call.progress.note("the lock is up to date");
      return;
    }
    await fillAll(call, filling, outputs, variant, account);
    // What only some outputs were built with is nothing to offer.
    if (call.settings.lock !== "update-and-commit" || call.only.length > 0 || call.stop.aborted) return;
    const { pushed, ...where } = await offerLock(host, fetched, reportFor(account));
    account.pushed = where;
    call.progress.note(`${pushed ? "pushed the updated lock to" : "the updated lock is on"} ${where.branch}`);
  } catch (error) {
    if (!call.stop.aborted) account.problems.push(`the updated lock: ${messageOf(error)}`);
  }
}

/** What the commit of an updated lock says of it. */
function reportFor({ outputs }: Account): string {
  const updated = outputs.filter(({ lock }) => lock === "updated");
  const failed = updated.filter(({ status }) => !isSuccess(status));
  const lines = failed.map(({ output, reason = "" }) => `- ${output}: ${reason}`);
  return [`${updated.length - failed.length} of ${updated.length} outputs build with it.`, ...lines].join("\n");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
