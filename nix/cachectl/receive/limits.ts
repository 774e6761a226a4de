import { statfsSync } from "node:fs";
import { parseAmount } from "./sizes.ts";

/** What one builder can use of the server. `config.json` sets them under `limits`; sizes are bytes, or text as "4GiB". */
export interface Limits {
  /** Paths in one announcement or commit. */
  readonly maxPaths: number;
  /** Bytes of one announcement or commit. */
  readonly maxInputBytes: number;
  /** Roots of one builder, announced and committed together. */
  readonly maxRoots: number;
  /** Paths that one session of the serve protocol may ask about, all queries together. */
  readonly maxQueryPaths: number;
  /** Sessions of the serve protocol that one builder may have open at the same time. */
  readonly maxSessions: number;
  /** NAR bytes of one path. */
  readonly maxPathBytes: number;
  /** NAR bytes of one builder in a day, by the server's clock in UTC. */
  readonly dailyBytes: number;
  /** What uploads leave free on the store's disk. */
  readonly minFreeBytes: number;
  /** Seconds that one connection may last. */
  readonly sessionSeconds: number;
  /** Seconds without a byte in either direction; substitution on the server is silent while it runs. */
  readonly idleSeconds: number;
  /** Days after which the root of a path that was announced and never committed is removed. */
  readonly incomingDays: number;
}

const gibibyte = 1024 ** 3;

const defaults: Limits = {
  maxPaths: 5000,
  maxInputBytes: 2 * 1024 ** 2,
  maxRoots: 20_000,
  maxQueryPaths: 200_000,
  maxSessions: 8,
  maxPathBytes: 16 * gibibyte,
  dailyBytes: 512 * gibibyte,
  minFreeBytes: 2 * gibibyte,
  sessionSeconds: 6 * 3600,
  idleSeconds: 1800,
  incomingDays: 7,
};

/** The limits in the configuration's `limits`; throws an Error that names the first one that is wrong. */
export function parseLimits(config: unknown): Limits {
  const section = typeof config === "object" && config !== null && "limits" in config ? config.limits : undefined;
  if (section === undefined) return defaults;
  if (typeof section !== "object" || section === null) throw new Error("limits in config.json is not an object");
  const given = new Map<string, unknown>(Object.entries(section));
  const read = (name: string, byDefault: number): number => {
    const value = given.get(name);
    const amount = value === undefined ? byDefault : parseAmount(value);
    if (amount === undefined) {
      throw new Error(
        `limits.${name} in config.json is ${JSON.stringify(value)}; expected a whole number or a size as "4GiB"`,
      );
    }
    return amount;
  };
  const entries = Object.entries(defaults).map(([name, value]: [string, number]) => [name, read(name, value)] as const);
  return { ...defaults, ...(Object.fromEntries(entries) as Partial<Limits>) };
}

/** Free and total bytes of the file system that holds `directory`, as a user without privileges sees it. */
export function diskSpace(directory: string): { readonly freeBytes: number; readonly totalBytes: number } {
  const { bavail, blocks, bsize } = statfsSync(directory);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}
