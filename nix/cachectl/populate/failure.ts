/** Says in one line why an output failed. */
import { showBytes } from "../receive/sizes.ts";
import { lastWords, NixFailure } from "./nix.ts";
import type { OutputResult } from "./result.ts";
import type { PopulateSettings } from "./settings.ts";

/** How many lines of a failure are kept. */
const shownLines = 12;

/** The result of what was thrown while an output was made. */
export function failure(error: unknown, settings: PopulateSettings): Pick<OutputResult, "status" | "reason" | "log"> {
  if (!(error instanceof NixFailure)) {
    return { status: "failed", reason: error instanceof Error ? error.message : String(error) };
  }
  const { step, ended } = error;
  if (ended.how === "stopped") return { status: "skipped", reason: "the run was stopped" };
  const reason = `${step}: ${reasonOf(ended, settings)}`;
  return { status: "failed", reason, log: telling(ended.log, reason).slice(-shownLines) };
}

/** Nix's own announcements, and the flake's text around the place of an error. */
const noise =
  /^\s*$|^(?:this derivation|these \d+) .*:$|^\s+\/\S+\.drv$|^building '|^GC Warning|^error: interrupted by the user$|^error:$|^\s+(?:\d*\||\(stack trace)/;

function telling(log: readonly string[], reason: string): string[] {
  return log.filter((line) => !noise.test(line) && !reason.endsWith(line.trim().replace(/^error: /, "")));
}

function showTime(seconds: number): string {
  return seconds < 120 ? `${seconds} s` : `${seconds / 60} minutes`;
}

const outOfMemory = /out of memory|cannot allocate memory|std::bad_alloc/i;

function reasonOf(ended: NixFailure["ended"], { timeoutSeconds, memoryBytes }: PopulateSettings): string {
  const limit = `more memory than ${showBytes(memoryBytes)} (populate.memoryMax)`;
  if (ended.how === "timeout") return `not done after ${showTime(timeoutSeconds)} (populate.timeoutMinutes)`;
  if (ended.how === "flood") return "its answer does not end";
  if (outOfMemory.test(ended.log.slice(-shownLines).join("\n"))) return `it wanted ${limit}`;
  // Nothing else kills it so: the kernel does, for the memory of its scope or unit.
  if (ended.status === null) return `it was killed, most likely for wanting ${limit}`;
  const words = lastWords(ended);
  return /signal 9\b/.test(words) ? `${words}, most likely for its memory (populate.buildMemoryMax)` : words;
}
