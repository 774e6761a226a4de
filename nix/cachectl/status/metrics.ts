/** The status as Prometheus text. */
import { gauge, type Metric, seconds, single } from "./metric.ts";
import { serverMetrics } from "./server-metrics.ts";
import type { Status } from "./status.ts";

export { describeMetrics } from "./metric.ts";

/** Every metric that there can be, in their order. Times are seconds since 1970, in metrics that end in `_time_seconds`. */
export function metricsOf(status: Status): readonly Metric[] {
  const { server, queue, at, canary } = status;
  const last = canary.at(-1);
  const lastGood = canary.findLast((run) => run.seconds !== undefined);
  return [
    gauge("status_time_seconds", "When these figures were taken.", single(seconds(at))),
    ...(server === undefined ? [] : serverMetrics(server)),
    gauge("queue_entries", "Entries that wait on this builder.", single(queue?.waiting.length)),
    gauge("queue_rejected_entries", "Entries set aside on this builder.", single(queue?.rejected.length)),
    gauge(
      "queue_oldest_time_seconds",
      "Since when the oldest entry waits on this builder; absent when none does.",
      single(seconds(Date.parse(queue?.waiting[0]?.since ?? ""))),
    ),
    gauge(
      "last_upload_time_seconds",
      "This builder's last upload.",
      single(seconds(Date.parse(queue?.lastSuccess ?? ""))),
    ),
    gauge(
      "canary_up",
      "Whether the last canary was served whole.",
      single(last && (last.seconds === undefined ? 0 : 1)),
    ),
    gauge("canary_seconds", "What the last canary that was served took, from its build.", single(lastGood?.seconds)),
    gauge("canary_time_seconds", "When the last canary was built.", single(seconds(last?.at))),
  ];
}
