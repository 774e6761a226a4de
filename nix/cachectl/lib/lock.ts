import { renameSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

/** Held until released, or until the process is gone, however it went. */
export interface Lock {
  release(): void;
}

const busy = 5;
const notADatabase = 26;

/**
 * Takes a lock that dies with its process; undefined when another process has it. Node has no flock: SQLite's exclusive
 * transaction is a lock of the kernel's on the file, on Linux and macOS alike, and nothing is ever written into it.
 * Throws an Error when the file can't be made.
 */
export function tryLock(file: string): Lock | undefined {
  try {
    return begin(file);
  } catch (error) {
    // Whatever else lies there was never a lock of ours.
    if (codeOf(error) !== notADatabase) throw error;
    renameSync(file, `${file}.foreign`);
    return begin(file);
  }
}

function begin(file: string): Lock | undefined {
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    // A journal on the disk would need room, which a full one does not have.
    database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    return { release: () => database.close() };
  } catch (error) {
    database.close();
    if (codeOf(error) === busy) return undefined;
    throw error;
  }
}

function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "errcode" in error ? error.errcode : undefined;
}
