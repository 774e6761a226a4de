import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Command, type Invocation, UsageError } from "../lib/command.ts";
import { tryLock } from "../lib/lock.ts";
import { readConfig } from "../receive/local-host.ts";
import { parseAttribute } from "./attribute.ts";
import { becomeOwner, populateFolder } from "./host.ts";
import { progressOn } from "./progress.ts";
import { describeResult } from "./report.ts";
import { type PopulateResult, readResult, writeResult } from "./result.ts";
import { populate } from "./run.ts";
import { readPopulateSettings } from "./settings.ts";

/** As in sysexits.h: try again later. */
const anotherRuns = 75;
/** As a shell says it of a program that SIGTERM ended. */
const stopped = 143;

/**
 * `populate [OUTPUT…]`: exit status 0 when every output is served as it should be, 1 when one failed, 75 when another run
 * is at it, 143 when it was stopped. What it did stands in `populate.json`.
 */
export const command: Command = {
  summary: "build and fetch the flake's outputs, so that the cache has them before anyone asks",
  usage: "populate [OUTPUT...] [--json]",
  async run(invocation) {
    const { positionals, paths, stdout } = invocation;
    checkOutputs(positionals);
    const config = readConfig(paths.config);
    const settings = readPopulateSettings(config);
    if (!settings.enabled && positionals.length === 0) {
      stdout.write("populate is off (populate.enabled in config.json); name an output to build it all the same\n");
      return 0;
    }
    becomeOwner(paths);
    return alone(invocation, () => runOnce(invocation, settings, config));
  },
};

function checkOutputs(outputs: readonly string[]): void {
  try {
    outputs.forEach(parseAttribute);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

async function alone({ paths, stderr }: Invocation, work: () => Promise<number>): Promise<number> {
  const folder = populateFolder(paths);
  mkdirSync(folder, { recursive: true, mode: 0o750 });
  const lock = tryLock(join(folder, "lock"));
  if (lock === undefined) {
    stderr.write("cachectl: another run of populate is at it; it does all that this one would\n");
    return anotherRuns;
  }
  try {
    return await work();
  } finally {
    lock.release();
  }
}

async function runOnce(
  { positionals, options, paths, env, stop, stdout, stderr }: Invocation,
  settings: ReturnType<typeof readPopulateSettings>,
  config: unknown,
): Promise<number> {
  const file = join(paths.state, "populate.json");
  const progress = progressOn(stderr, options.json === true);
  const before = readResult(file);
  const result = await populate({ paths, env, stop, settings, config, before, only: positionals, progress });
  // Said first: a full disk takes the result, and this is all that is left of it.
  stdout.write(options.json === true ? `${JSON.stringify(result)}\n` : describeResult(result));
  keep(file, result);
  return exitStatus(result);
}

function keep(file: string, result: PopulateResult): void {
  try {
    writeResult(file, result);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const rest = "what was built has its roots, and the next run goes on from there. Make room: sudo cachectl retain";
    throw new Error(`${file} can't be written (${why}); ${rest}`, { cause: error });
  }
}

function exitStatus({ stopped: wasStopped, problems, outputs }: PopulateResult): number {
  if (wasStopped) return stopped;
  return problems.length > 0 || outputs.some(({ status }) => status === "failed") ? 1 : 0;
}
