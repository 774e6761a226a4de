import type { Check } from "../check.ts";
import { failure, ok, warning, type Verdict } from "../finding.ts";
import { showDuration } from "../show.ts";
import { Queue } from "../../queue/queue.ts";
import { readState, type UploadState } from "../../upload/state.ts";

export const queueCheck: Check = {
  name: "queue",
  roles: ["builder"],
  run: ({ paths }) => {
    const queue = new Queue(paths);
    const { waiting, arrived, rejected } = queue.snapshot();
    const depth = waiting.length + arrived.length;
    return judgeQueue(
      { depth, oldest: waiting[0]?.queuedAt, rejected: rejected.length },
      readState(paths.state),
      Date.now(),
    );
  },
};

const hour = 3600_000;

/** What the queue holds: entries, the oldest one's time, and how many were set aside. */
export interface QueueCount {
  readonly depth: number;
  readonly oldest: number | undefined;
  readonly rejected: number;
}

/** A queue may be long while the server is away; it may not stay so without anybody knowing why. */
export function judgeQueue(
  { depth, oldest, rejected }: QueueCount,
  { server }: Pick<UploadState, "server">,
  now: number,
): Verdict {
  const age = oldest === undefined ? 0 : now - oldest;
  const amount = `${depth} waiting${oldest === undefined ? "" : `, the oldest for ${showDuration(age)}`}`;
  const why = server === undefined ? "" : `: ${server.reason}`;
  if (age > 24 * hour) return failure(`${amount}${why}`, "cachectl queue shows why; then: cachectl queue retry");
  if (age > hour) return warning(`${amount}${why}`, "cachectl queue shows why; then: cachectl queue retry");
  if (rejected > 0) {
    return warning(
      `${amount}; ${rejected} set aside, since they can't be uploaded`,
      "cachectl queue; then: cachectl queue retry NAME",
    );
  }
  return ok(depth === 0 ? "empty" : amount);
}
