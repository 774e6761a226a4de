/**
 * What the write path costs and how fast it is: a builder and a server as namespaces of this machine (see
 * test/cachectl/upload-pair.ts), real Nix, real OpenSSH over loopback, against the proposal's hook.
 */
import { noPair, Pair } from "../cachectl/upload-pair.ts";
import { type Figure, median, type Report } from "./figure.ts";
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

/** From the end of a build to the server's confirmation, the uploader started at once as systemd and launchd do. */
async function delay(pair: Pair): Promise<Figure> {
  const times: number[] = [];
  for (let time = 0; time < delays; time++) {
    const [path = ""] = pair.buildOnly(1);
    const start = performance.now();
    pair.hook([path]);
    const { stderr } = await pair.startUpload().ended;
    times.push((performance.now() - start) / 1000);
    if (pair.arrived([path]).length !== 1) throw new Error(`not on the server: ${stderr}`);
  }
  const value = median(times);
  return {
    metric: `end of a build to valid, rooted and confirmed on the server (median of ${delays})`,
    ...{ value, unit: "s", against: "", budget: `<= ${delayBudget} s`, holds: value <= delayBudget },
  };
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
