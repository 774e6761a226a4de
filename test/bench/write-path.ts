/**
 * What the write path costs and how fast it is: a builder and a server as namespaces of this machine (see
 * test/cachectl/upload-pair.ts), real Nix, real OpenSSH over loopback, against the proposal's hook.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { noPair, Pair } from "../cachectl/upload-pair.ts";
import { Nginx } from "../nix/serving-nginx.ts";
import { haveTools } from "../nix/serving-tools.ts";
import { type Figure, median, type Report } from "./figure.ts";
import { narinfoOf } from "./serving-measurements.ts";
import { startOrigin } from "./serving-origin.ts";
import { hookTimes, proposalTime } from "./write-path-hooks.ts";
import { peakMemory } from "./write-path-memory.ts";

const builds = 200;
const hookBudget = 10;
const ratioBudget = 5;
const delayBudget = 2;
const memoryBudget = 150;
const delays = 9;

export async function writePath(report: Report): Promise<void> {
  const reason = noPair();
  if (reason !== undefined) throw new Error(`bench write-path: ${reason}; it needs root, Nix and OpenSSH on Linux`);
  if (!haveTools()) throw new Error("bench write-path: needs nginx; on Debian: apt-get install nginx-light");
  const pair = await Pair.make();
  try {
    hook(report, pair);
    batch(report, pair);
    report(await delay(pair));
    report(await memory(pair));
  } finally {
    await pair.remove();
  }
}

/** The hook alone, since that is what a build waits for. */
function hook(report: Report, pair: Pair): void {
  for (const state of ["up", "down"] as const) {
    if (state === "down") pair.stopSshd();
    const value = median(hookTimes(pair, builds));
    report({
      metric: `hook, added to a build, server ${state} (median of ${builds})`,
      ...{ value, unit: "ms", against: "", budget: `<= ${hookBudget} ms`, holds: value <= hookBudget },
    });
  }
}

function batch(report: Report, pair: Pair): void {
  pair.restartSshd();
  drain(pair);
  const proposal = proposalTime(pair, pair.buildOnly(builds));
  pair.build(builds);
  const start = performance.now();
  drain(pair);
  const ours = (performance.now() - start) / 1000;
  const against = "the proposal's nix copy per build";
  report({ metric: `${builds} small builds sent by ${against}`, ...absolute(proposal, "s") });
  report({ metric: `${builds} small builds queued, then uploaded`, ...absolute(ours, "s") });
  report({
    metric: `${builds} small builds, times as fast`,
    ...{ value: proposal / ours, unit: "x", against },
    ...{ budget: `>= ${ratioBudget} x`, holds: proposal / ours >= ratioBudget },
  });
}

/**
 * From the end of a build until a reader finds it, signed, behind nginx: the uploader started at once as systemd and
 * launchd do, Harmonia (HARMONIA=path) or the lab's double of it over the server's store.
 */
async function delay(pair: Pair): Promise<Figure> {
  const folder = mkdtempSync(join(tmpdir(), "write-path-bench-"));
  const origin = await startOrigin(folder, { folder: pair.server.root, paths: [], narBytes: 0 });
  const nginx = await Nginx.start(origin.address);
  const times: number[] = [];
  try {
    for (let time = 0; time < delays; time++) times.push(await arrival(pair, nginx.url));
  } finally {
    await nginx.stop();
    await origin.stop();
    rmSync(folder, { recursive: true });
  }
  const value = median(times);
  return {
    metric: `end of a build to substitutable from the server (median of ${delays})`,
    ...{ value, unit: "s", against: "", budget: `<= ${delayBudget} s`, holds: value <= delayBudget },
  };
}

/** Seconds from the end of one build until its narinfo is served. */
async function arrival(pair: Pair, url: string): Promise<number> {
  const [path = ""] = pair.buildOnly(1);
  const start = performance.now();
  pair.hook([path]);
  const { ended } = pair.startUpload();
  while (!(await fetch(`${url}/${narinfoOf(path)}`, { signal: AbortSignal.timeout(5000) })).ok) {
    if (performance.now() - start > 60_000) throw new Error(`not on the server: ${(await ended).stderr}`);
    await sleep(20);
  }
  const seconds = (performance.now() - start) / 1000;
  await ended;
  return seconds;
}

async function memory(pair: Pair): Promise<Figure> {
  const { value, entries } = await peakMemory(pair);
  return {
    metric: `uploader's peak memory with ${entries} entries, all uploaded`,
    ...{ value, unit: "MiB", against: "", budget: `<= ${memoryBudget} MiB`, holds: value <= memoryBudget },
  };
}

function absolute(value: number, unit: string): Omit<Figure, "metric"> {
  return { value, unit, against: "", budget: "", holds: true };
}

function drain(pair: Pair): void {
  const { status, stderr } = pair.upload();
  if (status !== 0) throw new Error(`the queue is not empty: ${stderr}`);
}
