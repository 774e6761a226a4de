import { type Command, type Invocation, UsageError } from "../lib/command.ts";
import { showBytes } from "../receive/sizes.ts";
import { alone } from "./alone.ts";
import { collectGarbage } from "./collect.ts";
import { openStoreHost, requireRights, type StoreHost } from "./host.ts";
import { readRecord, type RetainRecord, writeRecord } from "./record.ts";
import { describeOutcome, describeOverBudget, describePlan } from "./report.ts";
import { retain, type RetainResult } from "./retain.ts";
import { type Survey, survey } from "./survey.ts";

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

async function realRun({ options, paths, stdout, stderr, stop }: Invocation, host: StoreHost): Promise<number> {
  const json = options.json === true;
  const record = (about: RetainRecord): void => {
    try {
      writeRecord(paths.state, about);
    } catch (error) {
      // A full disk is what this is run for: it must not be what stops it.
      stderr.write(`cachectl: the record was not kept: ${(error as Error).message}\n`);
    }
  };
  const { program, environment } = host.access;
  const access = { program, environment, timeout: collectMilliseconds, stop };
  const result = await retain({
    sources: host,
    rootsDirectory: paths.roots,
    stop,
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
