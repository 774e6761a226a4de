/** Figures that more than one view shows, worked out once. */
import type { OutputResult, Status as OutputStatus } from "../populate/result.ts";
import { isSuccess } from "../populate/result.ts";
import { add, noTraffic, type Counts, type Traffic } from "./facts/traffic.ts";

/** A share as a whole number of percent; undefined of nothing. */
export function percent(part: number, whole: number): number | undefined {
  return whole > 0 ? Math.round((part / whole) * 100) : undefined;
}

/** The value that half of them do not exceed; undefined of none. */
export function median(values: readonly number[]): number | undefined {
  return quantile(values, 0.5);
}

/** The value that this share of them does not exceed; undefined of none. */
export function quantile(values: readonly number[], share: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
}

const dayHours = 24;

/** Counts of the last days, the latest last; a day is one of UTC. */
export function byDay(
  traffic: Traffic,
  days: number,
  now: number,
): readonly { readonly at: number; readonly counts: Counts }[] {
  const today = Math.floor(now / 86_400_000);
  return Array.from({ length: days }, (_, index) => {
    const day = today - (days - 1 - index);
    const hours = Array.from({ length: dayHours }, (__, hour) => traffic.hours[String(day * dayHours + hour)]);
    const counts = hours.filter((one) => one !== undefined).reduce(add, noTraffic.total);
    return { at: day * 86_400_000, counts };
  });
}

/** What populate came to on one machine, or for one package. */
export interface GroupResult {
  readonly group: string;
  readonly outputs: readonly OutputResult[];
  readonly failed: readonly OutputResult[];
  /** How many came to what, the most first. */
  readonly counts: readonly (readonly [OutputStatus, number])[];
}

/** Populate's outputs by the machine that they are for; packages, each a group of its own, stand together last. */
export function byGroup(outputs: readonly OutputResult[]): readonly GroupResult[] {
  const named = (output: OutputResult): string => (output.kind === "package" ? "packages" : output.group);
  const groups = [...new Set(outputs.map(named))].sort(
    (a, b) => Number(a === "packages") - Number(b === "packages") || (a < b ? -1 : 1),
  );
  return groups.map((group) => {
    const own = outputs.filter((output) => named(output) === group);
    const states = [...new Set(own.map(({ status }) => status))];
    const counts = states.map((state) => [state, own.filter(({ status }) => status === state).length] as const);
    return {
      group,
      outputs: own,
      failed: own.filter(({ status }) => !isSuccess(status)),
      counts: counts.sort((a, b) => b[1] - a[1]),
    };
  });
}
