import { setTimeout as sleep } from "node:timers/promises";
import { tryLock } from "../lib/lock.ts";

/** Longer than a restart of the Nix daemon may take. */
const waitMilliseconds = 150_000;
const between = 50;

/**
 * Runs `work` while nobody else on this machine runs work under the same lock file. Pulumi registers several builders at
 * the same time, and each registration writes files made from all of them. Throws an Error when the wait is too long.
 */
export async function exclusively<T>(lockFile: string, work: () => Promise<T>): Promise<T> {
  const end = Date.now() + waitMilliseconds;
  for (;;) {
    const lock = tryLock(lockFile);
    if (lock !== undefined) {
      try {
        return await work();
      } finally {
        lock.release();
      }
    }
    if (Date.now() > end) {
      throw new Error(`another cachectl has held ${lockFile} for ${waitMilliseconds / 1000} s: see what it is doing`);
    }
    await sleep(between);
  }
}
