import type { Setback, UploadState } from "../upload/state.ts";
import type { Queue } from "./queue.ts";

/** One entry as `cachectl queue` shows it. Times are ISO 8601. */
export interface WaitingEntry {
  readonly id: string;
  readonly paths: readonly string[];
  readonly since: string;
  /** How often it was tried by itself; 0 when it was never its turn. */
  readonly attempts: number;
  readonly nextAttempt?: string;
  /** Why it waits. */
  readonly reason: string;
}

/** Everything that `cachectl queue --json` prints. */
export interface QueueReport {
  readonly waiting: readonly WaitingEntry[];
  /** What is in the way of all of them. */
  readonly blocked?: {
    readonly reason: string;
    readonly attempts: number;
    readonly since: string;
    readonly nextAttempt: string;
  };
  /** What was set aside, by its name in `queue/rejected`. */
  readonly rejected: readonly { readonly name: string; readonly reason: string }[];
  readonly uploadedPaths: number;
  readonly skipped: UploadState["skipped"];
  readonly lastAttempt?: string;
  readonly lastSuccess?: string;
  /** Seconds from a build's end to the server's confirmation. */
  readonly latencySeconds?: { readonly last: number; readonly median: number; readonly worst: number };
}

/** Puts the report together. Reads every entry, one after the other. */
export function reportOn(queue: Queue, state: UploadState): QueueReport {
  const found = queue.snapshot();
  const entries = found.waiting.map(({ id, queuedAt }): WaitingEntry => {
    const setback = state.entries[id];
    return {
      id,
      paths: queue.peek(id)?.paths ?? [],
      since: iso(queuedAt),
      attempts: setback?.failures ?? 0,
      ...(setback && { nextAttempt: iso(setback.notBefore) }),
      reason: setback?.reason ?? state.server?.reason ?? "its turn comes at the next upload",
    };
  });
  const arrived = found.arrived.map((id) => ({
    id,
    paths: queue.peek(id)?.paths ?? [],
    since: iso(queue.peek(id)?.queuedAt ?? Date.now()),
    attempts: 0,
    reason: "just queued; the uploader has not seen it yet",
  }));
  const latencySeconds = latenciesOf(state.latencies);
  return {
    waiting: [...entries, ...arrived],
    ...(state.server && { blocked: blockOf(state.server) }),
    rejected: found.rejected.map((name) => ({ name, reason: queue.reasonOf(name) })),
    uploadedPaths: state.uploadedPaths,
    skipped: state.skipped,
    ...(state.lastAttempt !== undefined && { lastAttempt: iso(state.lastAttempt) }),
    ...(state.lastSuccess !== undefined && { lastSuccess: iso(state.lastSuccess) }),
    ...(latencySeconds && { latencySeconds }),
  };
}

/** The report for a person: what is in the way, then the entries, at most `most` of them. */
export function describeReport(report: QueueReport, most: number): string {
  const { waiting, blocked, rejected, skipped } = report;
  const lines = [
    `${waiting.length} waiting, ${rejected.length} set aside, ${report.uploadedPaths} paths uploaded so far`,
  ];
  if (report.lastSuccess !== undefined) lines.push(`last upload   ${report.lastSuccess}${describeLatency(report)}`);
  if (blocked) {
    lines.push(`in the way    ${blocked.reason}`);
    lines.push(
      `              tried ${blocked.attempts} times since ${blocked.since}, again after ${blocked.nextAttempt}`,
    );
  }
  if (skipped.excluded + skipped.tooLarge > 0)
    lines.push(`not uploaded  ${skipped.excluded} by their names, ${skipped.tooLarge} by their size`);
  for (const entry of waiting.slice(0, most)) lines.push("", ...describeEntry(entry));
  if (waiting.length > most) lines.push("", `and ${waiting.length - most} more: cachectl queue --all`);
  for (const { name, reason } of rejected.slice(0, most)) lines.push("", `set aside: ${name}`, `  ${reason}`);
  if (waiting.length > 0) lines.push("", "try all of it again now: cachectl queue retry");
  return `${lines.join("\n")}\n`;
}

function describeEntry({ paths, since, attempts, nextAttempt, reason, id }: WaitingEntry): string[] {
  const tried = attempts === 0 ? "" : `, tried ${attempts} times, again after ${nextAttempt ?? "the next start"}`;
  return [paths.length === 0 ? id : paths.join("\n"), `  since ${since}${tried}`, `  ${reason}`];
}

function describeLatency({ latencySeconds }: QueueReport): string {
  if (latencySeconds === undefined) return "";
  const { last, median, worst } = latencySeconds;
  return `, ${last} s after the build (median ${median} s, worst ${worst} s of late)`;
}

function blockOf({ reason, failures, since, notBefore }: Setback): QueueReport["blocked"] {
  return { reason, attempts: failures, since: iso(since), nextAttempt: iso(notBefore) };
}

function latenciesOf(latencies: readonly number[]): QueueReport["latencySeconds"] {
  const sorted = [...latencies].sort((a, b) => a - b);
  const [last, median, worst] = [latencies.at(-1), sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
  return last === undefined || median === undefined || worst === undefined ? undefined : { last, median, worst };
}

/** A time that is out of a calendar's reach is shown as what it is. */
function iso(milliseconds: number): string {
  const date = new Date(milliseconds);
  return Number.isNaN(date.getTime()) ? String(milliseconds) : date.toISOString();
}
