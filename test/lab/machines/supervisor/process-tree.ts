/** Everything that a job has started. systemd tells by cgroups; here the invocation's id in the environment does it. */
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 20;

/** Processes that were started with this `INVOCATION_ID`, which systemd sets as well. */
export function processesOf(invocation: string): number[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => pid !== process.pid && belongs(pid, invocation));
}

function belongs(pid: number, invocation: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(`INVOCATION_ID=${invocation}`);
  } catch {
    // It has ended, or is a kernel's own.
    return false;
  }
}

/** Sends a signal to processes; those that are gone are no fault. */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended by itself.
    }
  }
}

/** Whether a process lives; a dead one that waits for its parent does not. */
export function lives(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}

/** Waits until none of them lives, or the time is over. Gives whether they have all ended. */
export async function untilEnded(pids: () => readonly number[], seconds: number): Promise<boolean> {
  const deadline = performance.now() + Math.min(seconds, 3600) * 1000;
  while (pids().some(lives)) {
    if (performance.now() > deadline) return false;
    await sleep(POLL_MS);
  }
  return true;
}
