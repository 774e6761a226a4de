/** Retention: a plan over a large store, and what it keeps for whom over a year. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Figure, median, type Report } from "./figure.ts";
import { plotYear } from "./retention-plot.ts";
import { byAge, byPlan, leastRecentlyUsed, play, type Played, withoutRoots } from "./retention-rules.ts";
import { makeStore } from "./retention-store.ts";
import { makeYear } from "./retention-year.ts";

const gibibyte = 1024 ** 3;
const size = { paths: 100_000, roots: 10_000, references: 7 };
const probe = resolve(import.meta.dirname, "retention-probe.ts");
const plot = resolve(import.meta.dirname, "../../docs/retention-year.svg");
/** Other numbers, the same rates: one year may be a lucky one. */
const seeds = [1, 2, 3];
/** The policy is the default one; the budget is one that matters, at some 4 % of all that the year brings. */
const policy = { budgetBytes: 40 * gibibyte, keepSystems: 5, keepPackages: 3, keepDays: 30 };

/** `npm run bench -- retention`; also draws `docs/retention-year.svg`. */
export function retention(report: Report): Promise<void> {
  largePlan(report);
  wholeYear(report);
  return Promise.resolve();
}

function largePlan(report: Report): void {
  const folder = mkdtempSync(join(tmpdir(), "retention-bench-"));
  try {
    const now = Math.floor(Date.now() / 1000);
    const { database, roots } = makeStore(folder, size, now);
    const runs = Array.from({ length: 5 }, () => probeOnce(database, roots, now));
    const what = `plan over ${size.paths} paths and ${size.roots} roots, reading both included`;
    // The fastest: whatever else this machine does only ever adds.
    const seconds = Math.min(...runs.map((run) => run.seconds));
    const mebibytes = Math.max(...runs.map((run) => run.mebibytes));
    report(limited(`${what}: fastest of ${runs.length}`, seconds, "s", 5));
    const processor = median(runs.map((run) => run.processor));
    report({ metric: `${what}: processor time`, value: processor, unit: "s", against: "", budget: "", holds: true });
    report(limited(`${what}: peak memory of the process`, mebibytes, "MiB", 400));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Probe {
  readonly seconds: number;
  /** Seconds of processor time, with those of the garbage collector. */
  readonly processor: number;
  readonly mebibytes: number;
}

/** A process of its own, as the verb is: its memory is measured from its very start. */
function probeOnce(database: string, roots: string, now: number): Probe {
  const { stdout, stderr, status } = spawnSync(process.execPath, [probe, database, roots, String(now)], {
    encoding: "utf8",
    timeout: 120_000,
  });
  if (status !== 0) throw new Error(`the probe ended with ${status ?? "a signal"}: ${stderr}`);
  const run = JSON.parse(stdout) as Probe & { paths: number; rootCount: number };
  if (run.paths !== size.paths || run.rootCount !== size.roots)
    throw new Error(`the probe read another store: ${stdout}`);
  return run;
}

function limited(metric: string, value: number, unit: string, limit: number): Figure {
  return { metric, value, unit, against: "", budget: `<= ${limit} ${unit}`, holds: value <= limit };
}

function wholeYear(report: Report): void {
  const years = seeds.map((seed) => {
    const year = makeYear(seed);
    return [
      play("this project's plan", year, byPlan(year.graph, policy)),
      play("plain LRU, the same budget", year, leastRecentlyUsed(year.graph, policy.budgetBytes)),
      play("the proposal as meant, 30 days and no budget", year, byAge(30)),
      play("the proposal as written, a weekly collection without roots", year, withoutRoots()),
    ];
  });
  const first = years[0] ?? [];
  writeFileSync(
    plot,
    plotYear(first, policy.budgetBytes, "A year of daily flake updates, five machines, CI and four projects"),
  );
  const [plan = 0, ...others] = first.map((_, rule) => share(years.flatMap((year) => year[rule] ?? [])));
  const names = first.slice(1).map(({ name }) => name);
  report({ ...answered("answered by the plan", plan), against: "", budget: "", holds: true });
  for (const [index, other] of others.entries()) {
    const [metric, against] = [`answered, plan over ${names[index] ?? ""}`, `${(100 * other).toFixed(1)} % answered`];
    report({ metric, value: plan / other, unit: "x", against, budget: ">= 1 x", holds: plan >= other });
  }
  const afterRuns = years.map(([played]) => Math.max(...(played?.bytes ?? []).filter((_, day) => day % 7 === 6)));
  report(
    limited("most bytes after a weekly run", Math.max(...afterRuns) / gibibyte, "GiB", policy.budgetBytes / gibibyte),
  );
}

/** Of all requests for what was uploaded at least a day before, those that found a whole closure. */
function share(played: readonly Played[]): number {
  const sum = (key: keyof Played["later"]): number => played.reduce((total, { later }) => total + later[key], 0);
  return sum("answered") / sum("asked");
}

function answered(metric: string, value: number): Pick<Figure, "metric" | "value" | "unit"> {
  return { metric: `later requests ${metric}`, value: 100 * value, unit: "%" };
}
