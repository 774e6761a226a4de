import { join } from "node:path";
import { type Command, type Invocation, UsageError } from "../lib/command.ts";
import { showBytes } from "../receive/sizes.ts";
import { alone } from "./alone.ts";
import { collectGarbage, collectorAtRest } from "./collect.ts";
import { openStoreHost, requireRights, type StoreHost } from "./host.ts";
import { Marks } from "./marks.ts";
import { HeldRoots } from "./held-roots.ts";
import { readRecord, type RetainRecord, writeRecord } from "./record.ts";
import { describeOutcome, describeOverBudget, describePlan } from "./report.ts";
import { retain, type RetainResult } from "./retain.ts";
import { StoreUse } from "./store-use.ts";
import { type Survey, survey } from "./survey.ts";
import { Withdrawal } from "./withdrawal.ts";

/** As a shell says it of a program that SIGTERM ended. */
const stopped = 143;
/** Some hundred GiB on a slow disk. */
const collectMilliseconds = 12 * 3_600_000;

/**
 * `retain`: exit status 0 when what stays is within the budget, 1 when protected things alone are over it or Nix failed,
 * 75 when another run is at it, 143 when it was stopped. Its record stands in `retain.json`.
 */
export const command: Command = {
  summary: "keep what is worth keeping within the disk budget, and have Nix delete the rest",
  usage: "retain [--dry-run] [--if-low] [--all] [--json]",
  options: { "dry-run": { type: "boolean" }, "if-low": { type: "boolean" }, all: { type: "boolean" } },
  async run(invocation) {
    const { positionals, options, paths, stdout } = invocation;
    if (positionals.length > 0)
      throw new UsageError(`found ${JSON.stringify(positionals[0])}\nusage: cachectl ${command.usage}`);
    const host = openStoreHost(invocation);
    // What was being read is tried again, too.
    const unfinished = (readRecord(paths.state)?.plan?.deferred ?? 0) > 0;
    if (options["if-low"] === true && !unfinished && host.freeBytes() >= host.settings.minFreeBytes) {
      // What a killed run took from readers would be gone for them until the next.
      if (new Marks(paths.state).left) await alone("retain", invocation, () => tidy(host).then(() => 0));
      if (options.json !== true) stdout.write(`${showBytes(host.freeBytes())} are free: nothing to do\n`);
      return 0;
    }
    if (options["dry-run"] === true) return dryRun(invocation, host);
    requireRights(paths);
    host.giveUpReserve();
    return alone("retain", invocation, () => realRun(invocation, host));
  },
};

async function dryRun({ options, stdout, stderr }: Invocation, host: StoreHost): Promise<number> {
  const found = await survey(host);
  if (options.json === true) stdout.write(`${JSON.stringify(forMachines(found))}\n`);
  else stdout.write(describePlan(found, options.all === true));
  if (found.plan.overBudget) stderr.write(`cachectl: ${describeOverBudget(found)}`);
  return found.plan.overBudget ? 1 : 0;
}

/** Removes what a run that was killed left: readers get again what is there. */
async function tidy({ paths, access, nixState }: StoreHost): Promise<void> {
  const marks = new Marks(paths.state);
  if (marks.left) await collectorAtRest(access, nixState);
  marks.clear();
  new HeldRoots(paths.roots).clear();
}

function withdrawalOf(host: StoreHost, stop: AbortSignal, warn: (message: string) => void): Withdrawal | undefined {
  const { paths, databaseFile, nixState } = host;
  if (host.beingRead() === undefined) return undefined;
  try {
    const temporaryRoots = join(nixState, "temproots");
    const use = new StoreUse({ databaseFile, temporaryRoots, rootsDirectory: paths.roots });
    const [marks, held] = [new Marks(paths.state), new HeldRoots(paths.roots)];
    return new Withdrawal({ sources: host, marks, use, held, stop, warn });
  } catch (error) {
    warn(`whoever begins to read what goes may lose it half-way: ${(error as Error).message}`);
    return undefined;
  }
}

async function realRun({ options, paths, stdout, stderr, stop }: Invocation, host: StoreHost): Promise<number> {
  const json = options.json === true;
  const warn = (message: string): void => void stderr.write(`cachectl: ${message}\n`);
  const record = (about: RetainRecord): void => {
    try {
      writeRecord(paths.state, about);
    } catch (error) {
      // A full disk is what this is run for: it must not be what stops it.
      warn(`the record was not kept: ${(error as Error).message}`);
    }
  };
  const { program, environment } = host.access;
  const access = { program, environment, timeout: collectMilliseconds, stop };
  await tidy(host);
  const result = await retain({
    sources: host,
    rootsDirectory: paths.roots,
    stop,
    withdrawal: () => withdrawalOf(host, stop, warn),
    collect: () => collectGarbage(access, () => undefined),
    planned: (found) => {
      if (!json) stdout.write(describePlan(found, options.all === true));
    },
    record,
  }).catch((error: unknown) => {
    if (!stop.aborted) throw error;
    stderr.write("cachectl: stopped; the next run goes on\n");
  });
  if (result === undefined) return stopped;
  if (json)
    stdout.write(`${JSON.stringify({ ...forMachines(result.survey), ...result.record, ...evicted(result) })}\n`);
  else if (!result.survey.plan.overBudget) stdout.write(`\n${describeOutcome(result.record)}`);
  if (result.survey.plan.overBudget) stderr.write(`cachectl: ${describeOverBudget(result.survey)}`);
  return result.survey.plan.overBudget ? 1 : 0;
}

function evicted({ eviction }: RetainResult): { readonly rootsRemoved: number; readonly rootsLeft: readonly string[] } {
  return { rootsRemoved: eviction?.removed ?? 0, rootsLeft: eviction?.left ?? [] };
}

function forMachines({ plan, summary }: Survey): object {
  return { plan: summary, overBudget: plan.overBudget, keep: plan.keep, deferred: plan.deferred, evict: plan.evict };
}
