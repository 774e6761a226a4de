/** What is measured of each way of serving. */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cpuSeconds, forgetPeak, peakMebibytes } from "./serving-cost.ts";
import { load } from "./serving-load.ts";
import { nix, type BenchStore } from "./serving-store.ts";
import type { Ready, Subject } from "./serving-subjects.ts";

export const mebibyte = 1024 ** 2;
/** Connections at a time. */
export const connections = [1, 4, 16];
/** Each narinfo is asked for this often in one round. */
const narinfoTurns = 50;

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
  const infos = store.paths.flatMap((path) => Array<string>(narinfoTurns).fill(narinfoOf(path)));
  const narinfos = connections.map((count): Measurement => ({
    what: `narinfos a second, ${count} connections`,
    run: async ({ url }) => infos.length / (await load(url, infos, count, "identity")).seconds,
  }));
  const nars = connections.map((count): Measurement => ({
    what: `MiB of NARs a second, ${count} connections`,
    run: async ({ url }, contender) =>
      store.narBytes / mebibyte / (await load(url, contender.nars, count, contender.subject.encoding)).seconds,
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
