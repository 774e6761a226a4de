/** What a benchmark reports. */

/** One figure, measured in this run against what a user would do instead. */
export interface Figure {
  readonly metric: string;
  readonly value: number;
  /** "ms", "s", "MiB", "x" for a ratio, … */
  readonly unit: string;
  /** What it was measured against, in words; empty for an absolute figure. */
  readonly against: string;
  /** The budget in words, such as "<= 10 ms"; empty where there is none. */
  readonly budget: string;
  /** Whether the budget holds; true where there is none. */
  readonly holds: boolean;
}

/** Takes a figure as soon as it is measured. */
export type Report = (figure: Figure) => void;

/** The middle of some measurements; of an even number the lower of the two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}
