/** Everything that `cachectl status` shows, in numbers. */
import { hostname } from "node:os";
import { join } from "node:path";
import { existsSync } from "node:fs";
import { readHistory, type CanaryRun } from "../canary/history.ts";
import { namedHere } from "../doctor/facts/known-path.ts";
import { lookAround, type Machine } from "../doctor/machine.ts";
import { fieldsOf } from "../lib/json.ts";
import { readResult, type PopulateResult } from "../populate/result.ts";
import { Queue } from "../queue/queue.ts";
import { reportOn, type QueueReport } from "../queue/report.ts";
import { parseLimits } from "../receive/limits.ts";
import { parseAmount } from "../receive/sizes.ts";
import { keyName } from "../receive/signature.ts";
import { readRecord, type RetainRecord } from "../retain/record.ts";
import { readScrubRecord, type ScrubRecord } from "../scrub/record.ts";
import { readState } from "../upload/state.ts";
import { diskStatus, readSamples, type DiskStatus } from "./facts/disk.ts";
import { smallPath } from "./facts/small-path.ts";
import { readOn } from "./facts/access-log.ts";
import { readTraffic, type Traffic } from "./facts/traffic.ts";
import { builderStatus, type BuilderStatus } from "./facts/uploads.ts";

/** Times are milliseconds since 1970, sizes bytes. */
export interface Status {
  readonly version: 1;
  readonly at: number;
  readonly host: string;
  readonly role: "server" | "builder" | "client";
  readonly url: string | undefined;
  /** Names of the keys that clients trust. */
  readonly keys: readonly string[];
  /** A path of which the cache must have a narinfo: what the doctor of other machines looks at. */
  readonly knownPath: string | undefined;
  readonly canary: readonly CanaryRun[];
  /** Of the server alone. */
  readonly server?: ServerStatus;
  /** Of a builder alone. */
  readonly queue?: QueueReport;
}

export interface ServerStatus {
  readonly traffic: Traffic;
  readonly builders: readonly BuilderStatus[];
  readonly populate: PopulateResult | undefined;
  readonly retain: RetainRecord | undefined;
  readonly scrub: ScrubRecord | undefined;
  readonly disk: DiskStatus;
}

/** Files that status keeps for itself, in `status` of the state folder. */
export interface StatusFiles {
  readonly traffic: string;
  readonly samples: string;
}

const defaultPort = 5000;
const defaultLog = "/var/log/nginx/nix-binary-cache.log";

export function statusFiles(state: string): StatusFiles {
  return { traffic: join(state, "status", "traffic.json"), samples: join(state, "status", "disk.json") };
}

/** Looks at everything; changes nothing. Throws an Error when the configuration's limits are wrong. */
export function statusOf(given: Pick<Machine, "paths" | "env" | "stop">, now = Date.now()): Status {
  const machine = lookAround(given);
  const { settings, paths, roles } = machine;
  const [isServer, isBuilder] = [roles.includes("server"), roles.includes("builder")];
  return {
    version: 1,
    at: now,
    host: settings.name ?? hostname(),
    role: settings.role,
    url: settings.cacheUrl,
    keys: settings.publicKeys.map(keyName),
    knownPath: isServer ? smallPath(namedHere(machine)) : undefined,
    canary: readHistory(paths.state),
    ...(isServer && { server: serverStatus(machine, now) }),
    ...(isBuilder && existsSync(paths.queue) && { queue: reportOn(new Queue(paths), readState(paths.state)) }),
  };
}

function serverStatus({ paths, config, settings, env }: Machine, now: number): ServerStatus {
  const files = statusFiles(paths.state);
  const retention = fieldsOf(fieldsOf(config).get("retention"));
  const retain = readRecord(paths.state);
  const log = env.NIX_BINARY_CACHE_ACCESS_LOG ?? defaultLog;
  return {
    traffic: readOn(readTraffic(files.traffic), log, settings.cachePort ?? defaultPort),
    builders: builderStatus(paths, now),
    populate: readResult(join(paths.state, "populate.json")),
    retain,
    scrub: readScrubRecord(paths.state),
    disk: diskStatus({
      store: paths.store,
      minFreeBytes: parseLimits(config).minFreeBytes,
      budgetBytes: parseAmount(retention.get("diskBudget")),
      retain,
      history: readSamples(files.samples),
      now,
    }),
  };
}
