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
import { cpuSeconds, forgetPeak, peakMebibytes } from "./serving-cost.ts";
import { load, text } from "./serving-load.ts";
import { startOrigin } from "./serving-origin.ts";
import { makeStore, nix, type BenchStore } from "./serving-store.ts";
import { subjects, type Ready, type Subject } from "./serving-subjects.ts";

const mebibyte = 1024 ** 2;
const connections = [1, 4, 16];
/** Each narinfo is asked for this often in one round. */
const narinfoTurns = 50;

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
  if (!haveTools()) throw new Error("needs nginx and Nix; on Debian: apt-get install nginx-light nix-bin");
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
    for (const subject of subjects(origin, flat, store, nars)) {
      const results = await measure(bench, subject, subject.name.startsWith("flat") ? flatNars : nars);
      bench.results.set(subject.name, results);
      for (const [what, value] of results) report(plain(`${what}: ${subject.name}${note}`, value, unitOf(what)));
    }
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

async function measure(bench: Bench, subject: Subject, nars: readonly string[]): Promise<Results> {
  const results: Results = new Map();
  const { store } = bench;
  for (const count of subject.narinfos ? connections : []) {
    const infos = store.paths.flatMap((path) => Array<string>(narinfoTurns).fill(narinfoOf(path)));
    const seconds = await timed(bench, subject, async ({ url }) => (await load(url, infos, count, "identity")).seconds);
    results.set(`narinfos a second, ${count} connections`, infos.length / seconds);
  }
  for (const count of connections) {
    const seconds = await timed(
      bench,
      subject,
      async ({ url }) => (await load(url, nars, count, subject.encoding)).seconds,
    );
    results.set(`NARs a second, ${count} connections`, nars.length / seconds);
    results.set(`MiB of NARs a second, ${count} connections`, store.narBytes / mebibyte / seconds);
  }
  results.set(
    "CPU seconds for all NARs, 4 connections",
    await timed(bench, subject, (ready) => cpuOf(ready, nars, subject, 4)),
  );
  results.set(
    "peak memory in MiB, 16 connections",
    await timed(bench, subject, (ready) => peakOf(ready, nars, subject, 16)),
  );
  results.set("seconds of nix copy into an empty store", await timed(bench, subject, ({ url }) => nixCopy(bench, url)));
  return results;
}

/** The best of five rounds (of the double: one), each with the subject prepared anew: other work only ever adds. */
async function timed({ real }: Bench, subject: Subject, run: (ready: Ready) => Promise<number>): Promise<number> {
  const rounds = real ? 5 : 1;
  const values: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const ready = await subject.prepare();
    values.push(await run(ready).finally(() => ready.end()));
  }
  return Math.min(...values);
}

/** Of five passes together, since the kernel counts in hundredths; where the first pass changes what comes after, of one. */
async function cpuOf({ url, pids }: Ready, nars: readonly string[], subject: Subject, count: number): Promise<number> {
  const passes = subject.once ? 1 : 5;
  const before = cpuSeconds(pids);
  for (let pass = 0; pass < passes; pass++) await load(url, nars, count, subject.encoding);
  return (cpuSeconds(pids) - before) / passes;
}

async function peakOf(
  { url, pids }: Ready,
  nars: readonly string[],
  { encoding }: Subject,
  count: number,
): Promise<number> {
  forgetPeak(pids);
  await load(url, nars, count, encoding);
  return peakMebibytes(pids);
}

function nixCopy({ folder, store }: Bench, url: string): Promise<number> {
  const target = mkdtempSync(join(folder, "client-"));
  const since = performance.now();
  const args = ["copy", "--no-check-sigs", "--from", url, "--to", join(target, "root"), ...store.paths];
  nix("nix", args, join(target, "cache"));
  const seconds = (performance.now() - since) / 1000;
  nix("chmod", ["-R", "u+w", target]);
  rmSync(target, { recursive: true });
  return Promise.resolve(seconds);
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

function narinfoOf(path: string): string {
  return `${path.slice("/nix/store/".length, "/nix/store/".length + 32)}.narinfo`;
}
