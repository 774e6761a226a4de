/** What the server alone can tell. */
import { isSuccess } from "../populate/result.ts";
import { byGroup, quantile } from "./figures.ts";
import type { BuilderStatus } from "./facts/uploads.ts";
import { counter, gauge, type Metric, type Sample, seconds, single } from "./metric.ts";
import type { ServerStatus } from "./status.ts";

/** Everything about the server. */
export function serverMetrics(server: ServerStatus): readonly Metric[] {
  return [
    ...trafficMetrics(server),
    ...builderMetrics(server.builders),
    ...jobMetrics(server),
    ...scrubMetrics(server),
    ...diskMetrics(server),
  ];
}

function trafficMetrics({ traffic: { total } }: ServerStatus): readonly Metric[] {
  return [
    counter("narinfo_requests", "Paths that were asked for, by whether they were here.", [
      [{ found: "yes" }, total.found],
      [{ found: "no" }, total.asked - total.found],
    ]),
    counter("served_bytes", "NAR bytes sent, by whether they came out of nginx's cache.", [
      [{ cache: "hit" }, total.hitBytes],
      [{ cache: "miss" }, total.bytes - total.hitBytes],
    ]),
    counter("served_nars", "NARs sent.", single(total.nars)),
    counter("server_errors", "Answers with a status of 500 or more.", single(total.errors)),
  ];
}

function builderMetrics(builders: readonly BuilderStatus[]): readonly Metric[] {
  const each = (value: (builder: BuilderStatus) => number | undefined): readonly Sample[] =>
    builders.map((builder) => [{ builder: builder.name }, value(builder)]);
  const latency = [0.5, 0.9, 1].flatMap((share) =>
    builders.map(({ name, latencies }): Sample => {
      const found = quantile(
        latencies.map((one) => one.seconds),
        share,
      );
      return [{ builder: name, quantile: String(share) }, found];
    }),
  );
  return [
    gauge("upload_seconds", "From a batch's announcement to its confirmation, of the last 100.", latency),
    gauge(
      "builder_last_upload_time_seconds",
      "When a builder's last paths were confirmed.",
      each(({ lastCommit }) => seconds(lastCommit)),
    ),
    gauge(
      "builder_last_call_time_seconds",
      "When a builder last called.",
      each(({ lastCall }) => seconds(lastCall)),
    ),
    gauge(
      "builder_queue_entries",
      "Entries that wait on a builder, as it told last; absent when it never did.",
      each(({ queue }) => queue?.entries),
    ),
    gauge(
      "builder_queue_oldest_time_seconds",
      "Since when the oldest entry waits on a builder, as it told last; absent when none does.",
      each(({ queue }) => seconds(queue?.since)),
    ),
    gauge(
      "builder_queue_told_time_seconds",
      "When a builder last told of its queue.",
      each(({ queue }) => seconds(queue?.at)),
    ),
    gauge(
      "builder_announced_paths",
      "Paths announced and not confirmed.",
      each(({ waiting }) => waiting.paths),
    ),
    gauge(
      "builder_oldest_announced_time_seconds",
      "Since when the oldest announced path is not confirmed; absent when there is none.",
      each(({ waiting }) => seconds(waiting.since)),
    ),
    gauge(
      "builder_kept_paths",
      "Uploaded paths that have their root.",
      each(({ kept }) => kept),
    ),
    gauge(
      "builder_uploaded_bytes_today",
      "NAR bytes that a builder sent today, in UTC.",
      each(({ today }) => today.bytes),
    ),
    gauge(
      "builder_failed_calls_today",
      "Calls that were refused or failed today, in UTC.",
      each(({ today }) => today.failed),
    ),
  ];
}

function scrubMetrics({ scrub }: ServerStatus): readonly Metric[] {
  const withheld = scrub?.findings.filter(({ outcome }) => outcome === "withheld").length;
  return [
    gauge(
      "scrub_up",
      "Whether the last pass over the store's bytes did not fail.",
      single(scrub && (scrub.outcome === "failed" ? 0 : 1)),
    ),
    gauge(
      "scrub_whole_time_seconds",
      "When the last whole pass ended.",
      single(seconds(Date.parse(scrub?.lastWhole ?? ""))),
    ),
    gauge(
      "scrub_findings",
      "Paths with wrong bytes that the last pass found, mended or not.",
      single(scrub?.findings.length),
    ),
    gauge(
      "scrub_withheld_paths",
      "Paths with wrong bytes that could not be mended: nobody is served them.",
      single(withheld),
    ),
  ];
}

function jobMetrics({ populate, retain }: ServerStatus): readonly Metric[] {
  const groups = byGroup(populate?.outputs ?? []);
  const plan = retain?.plan;
  return [
    gauge(
      "populate_time_seconds",
      "When the last populate ended.",
      single(seconds(Date.parse(populate?.finished ?? ""))),
    ),
    gauge("populate_seconds", "What the last populate took.", single(populate?.seconds)),
    gauge(
      "populate_problems",
      "What kept the last populate from succeeding besides outputs.",
      single(populate?.problems.length),
    ),
    gauge(
      "populate_outputs",
      "Outputs of the last populate, by machine and by whether they are served as they should be.",
      groups.flatMap(({ group, outputs }): readonly Sample[] => [
        [{ host: group, good: "yes" }, outputs.filter(({ status }) => isSuccess(status)).length],
        [{ host: group, good: "no" }, outputs.filter(({ status }) => !isSuccess(status)).length],
      ]),
    ),
    gauge("retain_time_seconds", "When the last retention began.", single(seconds(Date.parse(retain?.time ?? "")))),
    gauge(
      "retain_up",
      "Whether the last retention did what it should.",
      single(retain && (retain.outcome === "done" ? 1 : 0)),
    ),
    gauge("retain_kept_bytes", "What the last retention kept.", single(plan?.keptBytes)),
    gauge("retain_evicted_bytes", "What the last retention dropped.", single(plan?.evictedBytes)),
  ];
}

function diskMetrics({ disk }: ServerStatus): readonly Metric[] {
  return [
    gauge("disk_free_bytes", "Free on the store's disk.", single(disk.freeBytes)),
    gauge("disk_size_bytes", "The store's disk.", single(disk.totalBytes)),
    gauge("disk_min_free_bytes", "What uploads leave free.", single(disk.minFreeBytes)),
    gauge("store_bytes", "The store, by retention's last count and the disk since.", single(disk.storeBytes)),
    gauge("budget_bytes", "What the kept closures may take.", single(disk.budgetBytes)),
    gauge(
      "disk_full_time_seconds",
      "When the disk is full by its trend; absent when that is not in sight.",
      single(seconds(disk.fullAt)),
    ),
    gauge("budget_reached_time_seconds", "When the budget is reached by the trend.", single(seconds(disk.budgetAt))),
  ];
}
