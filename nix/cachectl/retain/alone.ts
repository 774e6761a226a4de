import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Invocation } from "../lib/command.ts";
import { tryLock } from "../lib/lock.ts";

/** As in sysexits.h: try again later. */
const anotherRuns = 75;
/** SQLite's SQLITE_FULL. */
const diskIsFull = 13;

/**
 * Does `work` unless another process is at the same `verb`: then the exit status is 75. On a disk so full that no lock can
 * be taken it goes on without one: to free it is what retain is for, and two at once do each other no harm.
 */
export async function alone(
  verb: "retain" | "scrub",
  { paths, stderr }: Pick<Invocation, "paths" | "stderr">,
  work: () => Promise<number>,
): Promise<number> {
  mkdirSync(paths.state, { recursive: true, mode: 0o755 });
  let lock: ReturnType<typeof tryLock>;
  try {
    lock = tryLock(join(paths.state, `${verb}.lock`));
  } catch (error) {
    if ((error as { errcode?: unknown }).errcode !== diskIsFull) throw error;
    stderr.write("cachectl: the disk is full: going on without a lock\n");
    return work();
  }
  if (lock === undefined) {
    stderr.write(`cachectl: another run of ${verb} is at it; it does all that this one would\n`);
    return anotherRuns;
  }
  try {
    return await work();
  } finally {
    lock.release();
  }
}
