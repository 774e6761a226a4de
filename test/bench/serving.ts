/**
 * Serving: narinfos and NARs by Harmonia alone, by nginx in front of it, and as flat files on nginx, which is the limit.
 * On loopback, with the store in the page cache. HARMONIA=path gives the real Harmonia, whose figures alone count.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Nginx } from "../nix/serving-nginx.ts";
import { haveTools } from "../nix/serving-tools.ts";
import type { Report } from "./figure.ts";
import { text } from "./serving-load.ts";
import {
  connections,
  measurements,
  mebibyte,
  narinfoOf,
  type Contender,
  type Measurement,
} from "./serving-measurements.ts";
import { startOrigin } from "./serving-origin.ts";
import { makeStore, nix, type BenchStore } from "./serving-store.ts";
import { subjects, type Ready } from "./serving-subjects.ts";

/** What one way of serving came to, by the name of what was measured. */
type Results = Map<string, number>;

interface Bench {
  readonly folder: string;
  readonly store: BenchStore;
  readonly report: Report;
  /** Follows each line's name: says so when the double was measured. */
  readonly note: string;
  readonly real: boolean;
  /** `CPU seconds` and the like, by subject and measure. */
  readonly results: Map<string, Results>;
}

/** Reports the figures of serving. Throws an Error where nginx or Nix is missing. */
export async function serving(report: Report): Promise<void> {
  if (!haveTools({ wrk: "wrk" }))
    throw new Error("needs nginx, Nix and wrk; on Debian: apt-get install nginx-light nix-bin wrk");
  const folder = mkdtempSync(join(tmpdir(), "serving-bench-"));
  const store = makeStore(folder);
  const flatRoot = join(folder, "flat");
  nix("nix", [
    "copy",
    "--no-check-sigs",
    "--from",
    store.folder,
    "--to",
    `file://${flatRoot}?compression=zstd`,
    ...store.paths,
  ]);
  const origin = await startOrigin(folder, store);
  const flat = await Nginx.files(flatRoot);
  try {
    const note = origin.real ? "" : " (with the double of Harmonia: does not count)";
    const bench = { folder, store, report, note, real: origin.real, results: new Map<string, Results>() };
    const nars = await places(`http://${origin.address}`, store);
    const flatNars = await places(flat.url, store);
    const contenders = subjects(origin, flat, store, nars).map((subject) => ({
      subject,
      nars: subject.name.startsWith("flat") ? flatNars : nars,
    }));
    await compete(bench, contenders);
    compare(bench, origin.name);
  } finally {
    await flat.stop();
    await origin.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Where the NARs of all paths are, as their narinfos say. */
async function places(url: string, { paths }: BenchStore): Promise<string[]> {
  const narinfos = await Promise.all(paths.map((path) => text(`${url}/${narinfoOf(path)}`)));
  return narinfos.map((narinfo) => /^URL: (.*)$/m.exec(narinfo)?.[1] ?? "");
}

/** Runs every measurement, the contenders in turn, so that whatever else the machine does meets them alike. */
async function compete(bench: Bench, contenders: readonly Contender[]): Promise<void> {
  const standing = new Map<Contender, Ready>();
  try {
    for (const contender of contenders) {
      bench.results.set(contender.subject.name, new Map());
      if (contender.subject.once !== true) standing.set(contender, await contender.subject.prepare());
    }
    for (const measurement of measurements(bench.folder, bench.store)) {
      const taking = contenders.filter(({ subject }) => subject.narinfos || !measurement.what.startsWith("narinfos"));
      await round(bench, measurement, taking, standing);
    }
  } finally {
    for (const ready of standing.values()) await ready.end();
  }
}

/** The best of five rounds (of the double: one): other work only ever adds. */
async function round(
  { real, report, results, note, store: { paths, narBytes } }: Bench,
  { what, run }: Measurement,
  contenders: readonly Contender[],
  standing: ReadonlyMap<Contender, Ready>,
): Promise<void> {
  const values = new Map<Contender, number[]>(contenders.map((contender) => [contender, []]));
  for (let turn = 0; turn < (real ? 5 : 1); turn++) {
    for (const [contender, taken] of values) {
      const ready = standing.get(contender) ?? (await contender.subject.prepare());
      taken.push(await run(ready, contender).finally(() => (standing.has(contender) ? undefined : ready.end())));
    }
  }
  for (const [{ subject }, taken] of values) {
    const best = what.includes("a second") ? Math.max(...taken) : Math.min(...taken);
    results.get(subject.name)?.set(what, best);
    report(plain(`${what}: ${subject.name}${note}`, best, unitOf(what)));
    if (!what.startsWith("MiB")) continue;
    const requests = (best * mebibyte * paths.length) / narBytes;
    report(plain(`${what.replace("MiB of ", "")}: ${subject.name}${note}`, requests, "/s"));
  }
}

/** The ratios that the budgets are about. */
function compare({ results, report, note, real }: Bench, originName: string): void {
  const of = (subject: string, what: string): number => results.get(subject)?.get(what) ?? Number.NaN;
  const [warm, flat, zstd] = ["nginx before it, warm", "flat files on nginx", `${originName} alone, zstd`];
  for (const count of connections) {
    const what = `MiB of NARs a second, ${count} connections`;
    const value = of(warm, what) / of(zstd, what);
    const budget = real ? { budget: ">= 10 times", holds: value >= 10 } : { budget: "", holds: true };
    report({ metric: `warm read, ${count} connections${note}`, value, unit: "x", against: zstd, ...budget });
  }
  const cpu = "CPU seconds for all NARs, 4 connections";
  const spared = of(zstd, cpu) / of(warm, cpu);
  report({
    metric: `the server's CPU for a warm read${note}`,
    value: spared,
    unit: "x less",
    against: zstd,
    budget: "",
    holds: true,
  });
  const copy = "seconds of nix copy into an empty store";
  const value = of(flat, copy) / of(warm, copy);
  const budget = real ? { budget: ">= 0.9 of flat files", holds: value >= 0.9 } : { budget: "", holds: true };
  report({ metric: `nix copy, warm${note}`, value, unit: "x", against: flat, ...budget });
}

function plain(metric: string, value: number, unit: string): Parameters<Report>[0] {
  return { metric, value, unit, against: "", budget: "", holds: true };
}

function unitOf(what: string): string {
  if (what.includes("a second")) return what.startsWith("MiB") ? "MiB/s" : "/s";
  return what.includes("memory") ? "MiB" : "s";
}
