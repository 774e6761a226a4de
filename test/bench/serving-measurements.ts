/** What is measured of each way of serving. */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cpuSeconds, forgetPeak, peakMebibytes } from "./serving-cost.ts";
import { load, sustain } from "./serving-load.ts";
import { nix, type BenchStore } from "./serving-store.ts";
import type { Ready, Subject } from "./serving-subjects.ts";

export const mebibyte = 1024 ** 2;
/** Connections at a time. */
export const connections = [1, 4, 16];

/** One way of serving, and where it has the NARs. */
export interface Contender {
  readonly subject: Subject;
  readonly nars: readonly string[];
}

/** What is measured, and how, of one contender. */
export interface Measurement {
  readonly what: string;
  readonly run: (ready: Ready, contender: Contender) => Promise<number>;
}

/** Everything that is measured. `folder` is for what clients write. */
export function measurements(folder: string, store: BenchStore): Measurement[] {
  const infos = store.paths.map(narinfoOf);
  const narinfos = connections.map((count): Measurement => ({
    what: `narinfos a second, ${count} connections`,
    run: async ({ url }) => {
      const { requests, seconds } = await sustain(url, infos, count, "identity");
      return requests / seconds;
    },
  }));
  const nars = connections.map((count): Measurement => ({
    what: `MiB of NARs a second, ${count} connections`,
    run: async ({ url }, contender) => (store.narBytes / mebibyte) * (await passes(url, contender, count)),
  }));
  return [
    ...narinfos,
    ...nars,
    {
      what: "CPU seconds for all NARs, 4 connections",
      run: (ready, { nars, subject }) => cpuOf(ready, nars, subject, 4),
    },
    { what: "peak memory in MiB, 16 connections", run: (ready, { nars, subject }) => peakOf(ready, nars, subject, 16) },
    { what: "seconds of nix copy into an empty store", run: ({ url }) => nixCopy(folder, store, url) },
  ];
}

/** How often all NARs together go over in a second. What its readers find once only is measured by one pass. */
async function passes(url: string, { nars, subject: { encoding, once } }: Contender, count: number): Promise<number> {
  const one = await load(url, nars, count, encoding);
  if (once === true) return 1 / one.seconds;
  const { bytes, seconds } = await sustain(url, nars, count, encoding);
  return bytes / one.bytes / seconds;
}

/** Of five passes together, since the kernel counts in hundredths; where the first pass changes what comes after, of one. */
async function cpuOf({ url, pids }: Ready, nars: readonly string[], subject: Subject, count: number): Promise<number> {
  const passes = subject.once === true ? 1 : 5;
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

function nixCopy(folder: string, store: BenchStore, url: string): Promise<number> {
  const target = mkdtempSync(join(folder, "client-"));
  const since = performance.now();
  const args = ["copy", "--no-check-sigs", "--from", url, "--to", join(target, "root"), ...store.paths];
  nix("nix", args, join(target, "cache"));
  const seconds = (performance.now() - since) / 1000;
  nix("chmod", ["-R", "u+w", target]);
  rmSync(target, { recursive: true });
  return Promise.resolve(seconds);
}

/** Where a path has its narinfo. */
export function narinfoOf(path: string): string {
  return `${path.slice("/nix/store/".length, "/nix/store/".length + 32)}.narinfo`;
}
