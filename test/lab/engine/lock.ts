/** A lock between processes: a file that holds its owner's process id. */
import { existsSync, readFileSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { OnLine } from "./progress.ts";

const POLL_MS = 1000;
const SAY_EVERY = 15;

/** Whether a process with this id runs; one that ended and waits to be reaped does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // The state follows the name, which is in parentheses.
    return !(existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, "utf8") : "").includes(") Z ");
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function acquire(path: string): Promise<number | undefined> {
  try {
    await writeFile(path, String(process.pid), { flag: "wx" });
    return undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const owner = Number(await readFile(path, "utf8").catch(() => ""));
  // Left over from a process that was killed.
  if (owner > 0 && !isAlive(owner)) await rm(path, { force: true });
  return owner;
}

/** Runs `work` while this process alone holds the lock file at `path`; waits for another live owner, saying so. */
export async function withLock<T>(path: string, what: string, onLine: OnLine, work: () => Promise<T>): Promise<T> {
  let owner = await acquire(path);
  for (let waited = 0; owner !== undefined; waited += 1) {
    if (isAlive(owner)) {
      if (waited % SAY_EVERY === 0) onLine(`${what}: process ${owner} is at it already; waiting (${waited} s)`);
      await sleep(POLL_MS);
    }
    owner = await acquire(path);
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}
