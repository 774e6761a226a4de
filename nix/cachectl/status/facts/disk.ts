/** The store's disk over time, and when it will be full. */
import { readFileSync } from "node:fs";
import { fieldsOf, listOf, numberOf, parseJson } from "../../lib/json.ts";
import { replaceFile } from "../../lib/replace-file.ts";
import { diskSpace } from "../../receive/limits.ts";
import type { RetainRecord } from "../../retain/record.ts";

/** One look at the disk. `at` is milliseconds since 1970. */
export interface DiskSample {
  readonly at: number;
  readonly freeBytes: number;
}

export interface DiskStatus {
  readonly freeBytes: number;
  readonly totalBytes: number;
  /** What uploads leave free. */
  readonly minFreeBytes: number;
  /** What the kept closures may take; undefined where the stack does not say. */
  readonly budgetBytes: number | undefined;
  /** The store as retention last saw it, with what the disk gained or lost since. */
  readonly storeBytes: number | undefined;
  /** When it will be as full as it may be, by the trend of the last two weeks; undefined: not in sight. */
  readonly fullAt: number | undefined;
  /** When the store reaches its budget, by the same trend: from then on retention drops what is oldest. */
  readonly budgetAt: number | undefined;
  /** The oldest first. */
  readonly history: readonly DiskSample[];
}

const hour = 3600_000;
const day = 24 * hour;
const trendTime = 14 * day;
const shortestTrend = 6 * hour;
/** Further away than this is no forecast. */
const horizon = 3 * 365 * day;

/** Puts it together from samples, the disk as it is, and retention's last word. */
export function diskStatus(facts: {
  readonly store: string;
  readonly minFreeBytes: number;
  readonly budgetBytes: number | undefined;
  readonly retain: RetainRecord | undefined;
  readonly history: readonly DiskSample[];
  readonly now: number;
}): DiskStatus {
  const { minFreeBytes, budgetBytes, retain, now } = facts;
  const space = diskSpace(facts.store);
  const history = addSample(facts.history, { at: now, freeBytes: space.freeBytes });
  const storeBytes = storeNow(retain, space.freeBytes);
  const perMillisecond = -slope(history.filter(({ at }) => at >= now - trendTime));
  const reach = (room: number): number | undefined => {
    if (room <= 0) return now;
    const at = now + room / perMillisecond;
    return perMillisecond > 0 && at < now + horizon ? at : undefined;
  };
  return {
    ...space,
    minFreeBytes,
    budgetBytes,
    storeBytes,
    fullAt: reach(space.freeBytes - minFreeBytes),
    budgetAt: budgetBytes === undefined || storeBytes === undefined ? undefined : reach(budgetBytes - storeBytes),
    history,
  };
}

function storeNow(retain: RetainRecord | undefined, freeBytes: number): number | undefined {
  const { plan, freeBytesAfter, collected } = retain ?? {};
  if (plan === undefined) return undefined;
  const after = plan.storeBytes - (collected?.bytes ?? 0);
  return Math.max(0, after + ((freeBytesAfter ?? plan.freeBytes) - freeBytes));
}

/** Least squares: bytes a millisecond by which the free space grows; 0 where too little is known. */
export function slope(samples: readonly DiskSample[]): number {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || last.at - first.at < shortestTrend) return 0;
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [time, free] = [mean(samples.map(({ at }) => at)), mean(samples.map(({ freeBytes }) => freeBytes))];
  const products = samples.map(({ at, freeBytes }) => (at - time) * (freeBytes - free));
  return mean(products) / mean(samples.map(({ at }) => (at - time) ** 2));
}

/** One an hour for two weeks, one a day for a year; a sample of the same hour takes the place of the one before. */
export function addSample(history: readonly DiskSample[], sample: DiskSample): readonly DiskSample[] {
  const slot = (at: number): string =>
    sample.at - at < trendTime ? `h${Math.floor(at / hour)}` : `d${Math.floor(at / day)}`;
  const recent = history.filter(({ at }) => at <= sample.at && sample.at - at < 365 * day);
  return [...new Map([...recent, sample].map((one) => [slot(one.at), one])).values()];
}

/** Reads the samples; none where there is no such file. */
export function readSamples(file: string): readonly DiskSample[] {
  try {
    return listOf(parseJson(readFileSync(file, "utf8"))).flatMap((value) => {
      const fields = fieldsOf(value);
      const [at, freeBytes] = [numberOf(fields.get("at")), numberOf(fields.get("freeBytes"))];
      return at === undefined || freeBytes === undefined ? [] : [{ at, freeBytes }];
    });
  } catch {
    return [];
  }
}

/** Writes them whole. Throws an Error when it can't. */
export function writeSamples(file: string, samples: readonly DiskSample[]): void {
  replaceFile(file, `${JSON.stringify(samples)}\n`, 0o644);
}
