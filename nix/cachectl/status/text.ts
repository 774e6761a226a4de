/** The status as one screen of text. */
import type { CanaryRun } from "../canary/history.ts";
import { plural, showDuration } from "../doctor/show.ts";
import type { QueueReport } from "../queue/report.ts";
import { showBytes } from "../receive/sizes.ts";
import type { RetainRecord } from "../retain/record.ts";
import type { ScrubRecord } from "../scrub/record.ts";
import type { DiskStatus } from "./facts/disk.ts";
import type { BuilderStatus } from "./facts/uploads.ts";
import { byDay, byGroup, median, percent } from "./figures.ts";
import type { ServerStatus, Status } from "./status.ts";

type Line = readonly [string, string];

/** Aligned lines, each with a word for what it is about. */
export function describeStatus(status: Status): string {
  const { at, server, queue, url, keys, role, host, canary } = status;
  const lines: readonly Line[] = [
    [
      role,
      `${host}${url === undefined ? "" : `, ${url}`}${keys.length === 0 ? "" : `, signs with ${keys.join(", ")}`}`,
    ],
    ...(server === undefined ? [] : serverLines(server, at)),
    ...(queue === undefined ? [] : queueLines(queue, at)),
    ["canary", describeCanary(canary, at)],
    ["hops", "cachectl doctor looks at each of them"],
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  return `${lines.map(([name, text]) => `${name.padEnd(width)}  ${text}`).join("\n")}\n`;
}

function serverLines({ traffic, builders, populate, retain, scrub, disk }: ServerStatus, now: number): readonly Line[] {
  const [today] = byDay(traffic, 1, now);
  const groups = byGroup(populate?.outputs ?? []);
  const when = populate === undefined ? "has never run" : `${showDuration(now - Date.parse(populate.finished))} ago`;
  return [
    ["today", today === undefined ? "" : describeCounts(today.counts)],
    ...builders.map((builder): Line => ["builder", describeBuilder(builder, now)]),
    ["populate", [when, ...(populate?.problems ?? [])].join("; ")],
    ...groups.map(({ group, counts, failed }): Line => {
      const first =
        failed[0] === undefined
          ? ""
          : `: ${failed[0].output}${failed[0].reason === undefined ? "" : ` (${failed[0].reason})`}`;
      return ["", `${group}  ${counts.map(([state, count]) => `${count} ${state}`).join(", ")}${first}`];
    }),
    ["disk", describeDisk(disk, now)],
    ["retain", describeRetain(retain, now)],
    ["scrub", describeScrub(scrub, now)],
  ];
}

/** "served 3.2 GiB, 91 % out of nginx's cache; 4100 of 5000 paths asked for were here". */
export function describeCounts({ bytes, hitBytes, asked, found, errors }: ServerStatus["traffic"]["total"]): string {
  const hits = percent(hitBytes, bytes);
  const share = hits === undefined ? "" : `, ${hits} % out of nginx's cache`;
  const failed = errors === 0 ? "" : `; ${plural(errors, "error")}`;
  return `served ${showBytes(bytes)}${share}; ${found} of ${asked} paths asked for were here${failed}`;
}

export function describeBuilder(builder: BuilderStatus, now: number): string {
  const { name, today, lastCommit, waiting, trouble, latencies, queue } = builder;
  const last = lastCommit === undefined ? "has not uploaded yet" : `last upload ${showDuration(now - lastCommit)} ago`;
  const half = median(latencies.map(({ seconds }) => seconds));
  const parts = [
    last,
    ...(today.paths > 0 ? [`${plural(today.paths, "path")} (${showBytes(today.bytes)}) today`] : []),
    ...(half === undefined ? [] : [`half of the uploads within ${half.toFixed(1)} s`]),
    describeTold(queue, builder.lastCall, now),
    ...(waiting.since === undefined
      ? []
      : [`${plural(waiting.paths, "path")} on the way for ${showDuration(now - waiting.since)}`]),
    ...(trouble === undefined ? [] : [`in the way: ${trouble}`]),
  ];
  return `${name}  ${parts.join(", ")}`;
}

/** "3 entries waiting there for 2 h, last heard of 5 min ago": what a builder told of its queue, and when it last called. */
export function describeTold(queue: BuilderStatus["queue"], lastCall: number | undefined, now: number): string {
  const heard = lastCall === undefined ? "never heard of" : `last heard of ${showDuration(now - lastCall)} ago`;
  if (queue === undefined) return `its queue unknown, ${heard}`;
  if (queue.entries === 0) return `nothing waiting there, ${heard}`;
  const age = queue.since === undefined ? "" : ` for ${showDuration(now - queue.since)}`;
  const entries = queue.entries === 1 ? "1 entry" : `${queue.entries} entries`;
  return `${entries} waiting there${age} (told ${showDuration(now - queue.at)} ago), ${heard}`;
}

/** "120.0 GiB of 500.0 GiB free; the store takes 80.0 GiB of its 100.0 GiB, full in 40 days". */
export function describeDisk(
  { freeBytes, totalBytes, budgetBytes, storeBytes, fullAt, budgetAt }: DiskStatus,
  now: number,
): string {
  const budget =
    budgetBytes === undefined || storeBytes === undefined
      ? ""
      : `; the store takes ${showBytes(storeBytes)} of its ${showBytes(budgetBytes)}`;
  return `${showBytes(freeBytes)} of ${showBytes(totalBytes)} free${budget}${describeForecast(fullAt, budgetAt, now)}`;
}

/** When something is full, by the trend; says so too where nothing is in sight. */
export function describeForecast(fullAt: number | undefined, budgetAt: number | undefined, now: number): string {
  const inTime = (at: number): string => (at <= now ? "now" : `in ${showDuration(at - now)}`);
  const parts = [
    ...(budgetAt === undefined ? [] : [`the budget is reached ${inTime(budgetAt)}`]),
    ...(fullAt === undefined ? [] : [`the disk is full ${inTime(fullAt)}`]),
  ];
  return parts.length === 0 ? "; no end in sight" : `; ${parts.join(", ")}`;
}

export function describeRetain(record: RetainRecord | undefined, now: number): string {
  if (record === undefined) return "has never run";
  const { plan, outcome, reason } = record;
  const when = `${showDuration(now - Date.parse(record.time))} ago`;
  if (outcome === "failed") return `failed ${when}: ${reason ?? "unknown"}`;
  if (plan === undefined) return `${outcome} ${when}`;
  if (outcome === "over-budget") return `over budget ${when}: what must stay is ${showBytes(plan.keptBytes)}`;
  return `${when}: kept ${showBytes(plan.keptBytes)} of ${showBytes(plan.budgetBytes)}, dropped ${plural(plan.evicted, "root")} (${showBytes(plan.evictedBytes)})`;
}

/** The bytes of the store: when they were last looked at, and what was wrong with them. */
export function describeScrub(record: ScrubRecord | undefined, now: number): string {
  if (record === undefined) return "has never run";
  const { findings, lastWhole, checked, total, outcome, reason = "unknown" } = record;
  const withheld = findings.filter((finding) => finding.outcome === "withheld").length;
  const when =
    lastWhole === undefined
      ? `${checked} of ${plural(total, "path")} checked`
      : `all checked ${showDuration(now - Date.parse(lastWhole))} ago`;
  const failed = outcome === "failed" ? `; failed since: ${reason}` : "";
  const found =
    findings.length === 0
      ? "nothing wrong"
      : `${plural(findings.length, "path")} with wrong bytes, ${withheld} not mended`;
  return `${when}, ${found}${failed}`;
}

export function describeCanary(runs: readonly CanaryRun[], now: number): string {
  const last = runs.at(-1);
  if (last === undefined) return "has never run: cachectl canary";
  const failed = runs.filter(({ seconds }) => seconds === undefined).length;
  const half = median(runs.flatMap(({ seconds }) => seconds ?? []));
  const found = last.seconds === undefined ? `FAILED: ${last.problem ?? "unknown"}` : `${last.seconds.toFixed(1)} s`;
  const usual = half === undefined ? "" : `median ${half.toFixed(1)} s, `;
  return `${found}, ${showDuration(now - last.at)} ago (${usual}${failed} of ${runs.length} failed)`;
}

function queueLines(
  { waiting, rejected, lastSuccess, latencySeconds, blocked }: QueueReport,
  now: number,
): readonly Line[] {
  const oldest = waiting[0] === undefined ? "" : `, the oldest for ${showDuration(now - Date.parse(waiting[0].since))}`;
  const aside = rejected.length === 0 ? "" : `, ${rejected.length} set aside`;
  const last = lastSuccess === undefined ? "none yet" : `${showDuration(now - Date.parse(lastSuccess))} ago`;
  const usual = latencySeconds === undefined ? "" : `, ${latencySeconds.median} s after the build in the median`;
  return [
    ["queue", `${waiting.length} waiting${oldest}${aside}`],
    ["upload", `${last}${usual}`],
    ...(blocked === undefined ? [] : [["in the way", blocked.reason] as const]),
  ];
}
