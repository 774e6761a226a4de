/** What processes cost: read from /proc. */
import { readFileSync, writeFileSync } from "node:fs";

/** Clock ticks a second, as Linux counts in /proc for every program. */
const ticks = 100;

/** CPU seconds so far, of all the processes together. */
export function cpuSeconds(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return sum + (Number(fields[11]) + Number(fields[12])) / ticks;
  }, 0);
}

/** Begins to measure the peak anew. */
export function forgetPeak(pids: readonly number[]): void {
  for (const pid of pids) writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

/** Peak memory in MiB of all the processes together: the sum of each one's own peak. */
export function peakMebibytes(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const [, kibibytes = "0"] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return sum + Number(kibibytes) / 1024;
  }, 0);
}
