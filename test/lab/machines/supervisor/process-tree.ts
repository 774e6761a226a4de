/**
 * Everything that a job has started. systemd tells by cgroups; here the invocation's id in the environment does it, or the
 * session, for programs that write over their environment (nginx does, to show what its processes are).
 */
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 20;

/** Processes that were started with this `INVOCATION_ID`, which systemd sets as well, or are of one of the sessions. */
export function processesOf(invocation: string, sessions: readonly number[]): number[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids
    .map(Number)
    .filter((pid) => pid !== process.pid && (sessions.includes(sessionOf(pid)) || belongs(pid, invocation)));
}

/** Field 6 of /proc/PID/stat; 0 for a process that is gone. */
function sessionOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[3]);
  } catch {
    return 0;
  }
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
