import type { Setback } from "./state.ts";

const first = 15_000;
/** Milliseconds: no attempt is ever further away than this. */
export const longest = 15 * 60_000;

/** The next setback: twice as long as the one before, up to 15 minutes, less up to half of it by chance. */
export function setBack(before: Setback | undefined, reason: string, now: number, random = Math.random()): Setback {
  const failures = (before?.failures ?? 0) + 1;
  const delay = Math.min(longest, first * 2 ** Math.min(failures - 1, 20)) * (1 - random / 2);
  return { failures, since: before?.since ?? now, notBefore: now + delay, reason };
}

/** Whether to try again. A time beyond the longest wait is of a clock that was wrong: then at once. */
export function isDue(setback: Setback | undefined, now: number): boolean {
  return setback === undefined || setback.notBefore <= now || setback.notBefore > now + longest;
}
