/** A run of populate as a whole: the flake, its locks, its outputs one after another. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Account, carriedOver, keyOf, type PopulateCall } from "./account.ts";
import type { FlakeOutput } from "./attribute.ts";
import { choose } from "./choose.ts";
import { fill, type Filling, type Variant } from "./fill.ts";
import { fetchFlake, type FetchedFlake, offerLock, updatedVariant } from "./flake.ts";
import { openHost, type PopulateHost } from "./host.ts";
import { systems as systemsOf } from "./nix.ts";
import { prepare } from "./prepare.ts";
import { isSuccess, type OutputResult, type PopulateResult } from "./result.ts";

/** Milliseconds; a collector reads the names of a group, and then the roots, in a few. */
const moment = 500;

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
  await letGo(shared, outputs, account);
}

/**
 * Takes back what was held. A collector that has read a group's names before the last build got its root still reads those
 * that held it: it gets a moment for that.
 */
async function letGo(
  { roots, nix }: Pick<Filling, "roots" | "nix">,
  outputs: readonly FlakeOutput[],
  { outputs: results }: Account,
): Promise<void> {
  if (results.some(({ status }) => status === "built"))
    await sleep(moment, undefined, { signal: nix.stop }).catch(() => undefined);
  for (const { group } of outputs) roots.drop(group);
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
