import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";

/** Writes a file whole or not at all: beside it first, onto the disk, then in its place. Throws an Error when it can't. */
export function replaceFile(file: string, text: string, mode: number): void {
  const temporary = `${file}.tmp-${randomBytes(6).toString("hex")}`;
  const opened = openSync(temporary, "wx", mode);
  try {
    // Unlike writeSync, goes on after a disk that took only a part, and so finds out that it is full.
    writeFileSync(opened, text);
    fsyncSync(opened);
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(opened);
  }
}
