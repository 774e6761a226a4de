import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/** The last lines of a file that grows, no more than `most` bytes of them; none where it can't be read. */
export function tailLines(file: string, most: number): readonly string[] {
  let opened: number;
  try {
    opened = openSync(file, "r");
  } catch {
    return [];
  }
  try {
    const { size } = fstatSync(opened);
    const start = Math.max(0, size - most);
    const buffer = Buffer.alloc(size - start);
    const count = readSync(opened, buffer, 0, buffer.length, start);
    const lines = buffer.toString("utf8", 0, count).split("\n");
    // The first may be half a line, the last one is being written.
    return lines.slice(start === 0 ? 0 : 1, -1);
  } finally {
    closeSync(opened);
  }
}
