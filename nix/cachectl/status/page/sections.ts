/** The page's parts, one a subject. */
import type { CanaryRun } from "../../canary/history.ts";
import { plural, showDuration } from "../../doctor/show.ts";
import { showBytes } from "../../receive/sizes.ts";
import type { PopulateResult } from "../../populate/result.ts";
import { byDay, byGroup, median } from "../figures.ts";
import type { ServerStatus } from "../status.ts";
import type { Traffic } from "../facts/traffic.ts";
import type { BuilderStatus } from "../facts/uploads.ts";
import {
  describeCanary,
  describeCounts,
  describeForecast,
  describeRetain,
  describeScrub,
  describeTold,
} from "../text.ts";
import { barChart, gaugeChart, lineChart } from "./charts.ts";
import { markup, type Markup } from "./markup.ts";
import { roundUp, roundUpBytes } from "./scale.ts";

const days = 14;
const shortDay = (at: number): string => new Date(at).toISOString().slice(5, 10);
const inSeconds = (value: number): string => `${value < 1 ? value.toFixed(1) : Math.round(value)} s`;

export function trafficSection(traffic: Traffic, now: number): Markup {
  const bars = byDay(traffic, days, now);
  const [first, last] = [bars[0], bars.at(-1)];
  const largest = Math.max(0, ...bars.map(({ counts }) => counts.bytes));
  const today = last === undefined ? "" : describeCounts(last.counts);
  const chart = barChart(
    {
      id: "served",
      title: "Bytes served per day",
      says: `The last ${days} days, at most ${showBytes(largest)} in one; today ${today}.`,
      most: roundUpBytes(largest),
      show: showBytes,
      ends: [shortDay(first?.at ?? now), "today"],
    },
    bars.map(({ counts }) => ({ whole: counts.bytes, part: counts.hitBytes })),
  );
  return markup`<section><h2>Served</h2><p>Today: ${today}.</p>${chart}
<p class="quiet"><span class="key first"></span> out of nginx’s cache, <span class="key second"></span> compressed anew. Since counting began: ${showBytes(traffic.total.bytes)}.</p></section>`;
}

export function uploadsSection(builders: readonly BuilderStatus[], now: number): Markup {
  const dots = builders
    .flatMap(({ latencies }) => latencies)
    .sort((a, b) => a.at - b.at)
    .map(({ at, seconds }) => ({ at, value: seconds }));
  const values = dots.map(({ value }) => value);
  const [worst, half] = [Math.max(0, ...values), median(values)];
  const from = dots[0]?.at ?? now - 1;
  const says =
    half === undefined
      ? "No upload yet."
      : `${plural(values.length, "upload")}, half of them within ${half.toFixed(1)} s, the slowest ${worst.toFixed(1)} s.`;
  const chart = lineChart(
    {
      id: "latency",
      title: "Seconds from announcement to confirmation",
      says,
      most: roundUp(worst),
      show: inSeconds,
      ends: [shortDay(from), "now"],
    },
    dots,
    from,
    now,
  );
  return markup`<section><h2>Uploads</h2><p>${says}</p>${chart}</section>`;
}

export function buildersSection(builders: readonly BuilderStatus[], now: number): Markup {
  const rows = builders.map(({ name, lastCall, lastCommit, today, waiting, kept, trouble, queue }) => {
    const since = waiting.since === undefined ? "nothing" : `${waiting.paths} for ${showDuration(now - waiting.since)}`;
    const last = lastCommit === undefined ? "never" : `${showDuration(now - lastCommit)} ago`;
    const problem = trouble === undefined ? undefined : markup`<br><span class="bad">${trouble}</span>`;
    return markup`<tr><th scope="row">${name}</th><td>${last}<br>${describeTold(queue, lastCall, now)}${problem}</td><td>${today.paths} (${showBytes(today.bytes)})</td><td>${since}</td><td>${kept}</td></tr>`;
  });
  const table = markup`<table><thead><tr><th scope="col">Builder</th><th scope="col">Last upload</th><th scope="col">Today</th><th scope="col">On its way</th><th scope="col">Kept</th></tr></thead><tbody>${rows}</tbody></table>`;
  return markup`<section class="wide"><h2>Builders</h2>${rows.length === 0 ? markup`<p>None has uploaded yet.</p>` : table}</section>`;
}

export function populateSection(result: PopulateResult | undefined, now: number): Markup {
  if (result === undefined) return markup`<section class="wide"><h2>Populate</h2><p>Has never run.</p></section>`;
  const rows = byGroup(result.outputs).map(({ group, counts, failed, outputs }) => {
    const problems = failed.map(
      (output) => markup`<br><span class="bad">${output.output}: ${output.reason ?? output.status}</span>`,
    );
    const good =
      failed.length === 0
        ? markup`<span class="good">all ${outputs.length} served</span>`
        : markup`${outputs.length - failed.length} of ${outputs.length} served`;
    const states = counts.map(([state, count]) => `${count} ${state}`).join(", ");
    return markup`<tr><th scope="row">${group}</th><td>${good}${problems}</td><td>${states}</td></tr>`;
  });
  const problems = result.problems.map((problem) => markup`<p class="bad">${problem}</p>`);
  const when = `${showDuration(now - Date.parse(result.finished))} ago, within ${showDuration(result.seconds * 1000)}`;
  return markup`<section class="wide"><h2>Populate</h2><p>${when}${result.stopped ? "; stopped before its end" : ""}</p>${problems}
<table><thead><tr><th scope="col">For</th><th scope="col">Result</th><th scope="col">How</th></tr></thead><tbody>${rows}</tbody></table></section>`;
}

export function diskSection(
  { disk, retain, scrub }: Pick<ServerStatus, "disk" | "retain" | "scrub">,
  now: number,
): Markup {
  const { totalBytes, freeBytes, minFreeBytes, history, storeBytes, budgetBytes } = disk;
  const used = `${showBytes(totalBytes - freeBytes)} of ${showBytes(totalBytes)} used, ${showBytes(freeBytes)} free`;
  const budget =
    storeBytes === undefined || budgetBytes === undefined
      ? undefined
      : gaugeChart(
          {
            id: "budget",
            title: "The store against its budget",
            says: `${showBytes(storeBytes)} of ${showBytes(budgetBytes)}.`,
          },
          storeBytes,
          budgetBytes,
        );
  const from = history[0]?.at ?? now - 1;
  const chart = lineChart(
    {
      id: "disk",
      title: "Disk space used over time",
      says: `${used}; uploads stop at ${showBytes(totalBytes - minFreeBytes)}, the broken line.`,
      most: totalBytes,
      show: showBytes,
      ends: [shortDay(from), "now"],
      limit: totalBytes - minFreeBytes,
    },
    history.map((sample) => ({ at: sample.at, value: totalBytes - sample.freeBytes })),
    from,
    now,
  );
  const forecast = describeForecast(disk.fullAt, disk.budgetAt, now).slice(2);
  const against =
    budget === undefined
      ? undefined
      : markup`<p>Store: ${showBytes(storeBytes ?? 0)} of a budget of ${showBytes(budgetBytes ?? 0)}</p>${budget}`;
  return markup`<section><h2>Disk</h2><p>${used}; ${forecast}.</p>${chart}${against}<p class="quiet">Last retention: ${describeRetain(retain, now)}. Bytes of the store: ${describeScrub(scrub, now)}.</p></section>`;
}

export function canarySection(runs: readonly CanaryRun[], now: number): Markup {
  const text = describeCanary(runs, now);
  const from = runs[0]?.at ?? now - 1;
  const worst = Math.max(0, ...runs.map(({ seconds }) => seconds ?? 0));
  const chart = lineChart(
    {
      id: "canary",
      title: "Seconds until a new path was served",
      says: `${text}. A cross is a canary that was not served.`,
      most: roundUp(worst),
      show: inSeconds,
      ends: [shortDay(from), "now"],
    },
    runs.map(({ at, seconds }) => ({ at, value: seconds })),
    from,
    now,
  );
  return markup`<section><h2>Canary</h2><p>${text}</p>${runs.length === 0 ? undefined : chart}</section>`;
}
