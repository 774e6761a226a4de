import { type Command, type Invocation, UsageError } from "../lib/command.ts";
import { lastWords, run } from "../lib/run.ts";
import { storePathOf } from "../pin/store-path.ts";
import { readConfig } from "../receive/local-host.ts";
import { showBytes } from "../receive/sizes.ts";
import { queryStore } from "../receive/store-query.ts";
import { alone } from "../retain/alone.ts";
import { readGraph } from "../retain/graph.ts";
import { openStoreHost, requireRights, type StoreHost } from "../retain/host.ts";
import { readOwnRoots } from "../retain/own-roots.ts";
import { Pace } from "../warm/pace.ts";
import { hashPath } from "./hash-path.ts";
import { type Finding, readScrubRecord, type ScrubRecord, writeScrubRecord } from "./record.ts";
import { scrub, type ScrubTools } from "./scrub.ts";
import { parseRate, readScrubSettings, type ScrubSettings } from "./settings.ts";
import { recordOf, validPaths } from "./valid-paths.ts";

/** As a shell says it of a program that SIGTERM ended. */
const stopped = 143;
/** A large path from far away, or a build of hours. */
const renewMilliseconds = 6 * 3_600_000;
const deleteMilliseconds = 1_800_000;

/**
 * `scrub [PATH…]`: exit status 0 when every path is as it should be, or is again; 1 when one could not be repaired; 75 when
 * another run is at it; 143 when it was stopped: the next run goes on. What it found stands in `scrub.json`.
 */
export const command: Command = {
  summary: "read what is kept again, and repair or take out what is corrupt",
  usage: "scrub [PATH...] [--rate SIZE] [--restart] [--json]   (SIZE a second, 50MiB as a rule)",
  options: { rate: { type: "string" }, restart: { type: "boolean" } },
  async run(invocation) {
    const { positionals, options, paths } = invocation;
    const only = positionals.map((text) => storePathOf(text, paths.store));
    const settings = settingsOf(invocation);
    const host = openStoreHost(invocation);
    requireRights(paths);
    const last = options.restart === true ? undefined : readScrubRecord(paths.state);
    return alone("scrub", invocation, async () => {
      const record = await scrub(toolsOf(invocation, host, settings), last, only.length === 0 ? undefined : only);
      if (options.json === true) invocation.stdout.write(`${JSON.stringify(record)}\n`);
      else invocation.stdout.write(describe(record));
      if (invocation.stop.aborted) return stopped;
      return record.findings.some(({ outcome }) => ["taken-out", "withheld"].includes(outcome)) ? 1 : 0;
    });
  },
};

function settingsOf({ paths, options }: Invocation): ScrubSettings {
  const settings = readScrubSettings(readConfig(paths.config));
  if (options.rate === undefined) return settings;
  try {
    return { ...settings, bytesPerSecond: parseRate(options.rate, "--rate") };
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function toolsOf(
  { paths, options, stdout, stderr, stop }: Invocation,
  host: StoreHost,
  settings: ScrubSettings,
): ScrubTools {
  const { access, databaseFile } = host;
  const { program, environment: env } = access;
  const records = { databaseFile, storeDirectory: paths.store, access };
  const pace = new Pace(settings.bytesPerSecond, Infinity);
  const nix = async (args: readonly string[], timeout: number): Promise<string | undefined> => {
    const result = await run(program, args, { env, timeout, stop });
    return result.status === 0 ? undefined : lastWords(result);
  };
  return {
    stateDirectory: paths.state,
    rootsDirectory: paths.roots,
    nginxCache: settings.nginxCache,
    stop,
    readGraph: () =>
      readGraph({
        ...records,
        keeping: { derivations: false, outputs: false },
        warn: (text) => stderr.write(`cachectl: ${text}\n`),
      }),
    readRoots: () => readOwnRoots(paths.roots, host.settings),
    deriverOf: async (path) => {
      let deriver = "";
      await queryStore(access, [path], (found) => (deriver = found.deriver));
      return deriver !== "" && (await recordOf(deriver, records)) !== undefined ? deriver : undefined;
    },
    renew: (path) => nix(["--realise", "--repair", path], renewMilliseconds),
    recordOf: (path) => recordOf(path, records),
    hash: (path) => hashPath(path, access, pace, stop),
    validPaths: () => validPaths(records),
    remove: async (some) => {
      const refused = await nix(["--delete", ...some], deleteMilliseconds);
      if (refused !== undefined) throw new Error(refused);
    },
    record: (record) => keep(paths.state, record, stderr),
    found: (finding) => {
      if (options.json !== true) stdout.write(describeFinding(finding));
    },
  };
}

function keep(stateDirectory: string, record: ScrubRecord, stderr: Invocation["stderr"]): void {
  try {
    writeScrubRecord(stateDirectory, record);
  } catch (error) {
    stderr.write(`cachectl: the record was not kept: ${(error as Error).message}\n`);
  }
}

function describeFinding({ path, outcome, problem, detail, others }: Finding): string {
  const meanings = {
    repaired: "repaired",
    "taken-out": `deleted, with ${others.length} that need it`,
    withheld: `not served, with ${others.length} that need it`,
    passed: "look at this machine's memory and disk",
  };
  return `corrupt: ${path}\n  ${problem}\n  ${meanings[outcome]}: ${detail}\n`;
}

function describe({ outcome, checked, checkedBytes, total, findings }: ScrubRecord): string {
  const open = findings.filter((finding) => finding.outcome === "withheld");
  const next = open.map(
    ({ path }) => `not served until it is repaired: ${path}; see to it, then: cachectl scrub ${path}\n`,
  );
  const state = outcome === "stopped" ? "; the next run goes on from here" : "";
  return `${next.join("")}${checked} of ${total} paths read, ${showBytes(checkedBytes)}, ${findings.length} were corrupt${state}\n`;
}
