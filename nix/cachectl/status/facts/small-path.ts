import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** No more than so many files of one path are looked at. */
const mostFiles = 500;
/** Small enough to be fetched in a moment from anywhere: nothing smaller is looked for. */
const enough = 1024 ** 2;

/** Of several store paths the first that is small, else the smallest; undefined of none. Large ones are not measured whole. */
export function smallPath(paths: readonly string[]): string | undefined {
  let [found, least] = [paths[0], Infinity];
  for (const path of paths) {
    const bytes = sizeOf(path);
    if (bytes < least) [found, least] = [path, bytes];
    if (bytes <= enough) break;
  }
  return found;
}

/** Bytes of the files below a path; Infinity for what has too many of them, or can't be read. */
export function sizeOf(path: string): number {
  let [bytes, left] = [0, mostFiles];
  const add = (file: string): boolean => {
    const status = lstatSync(file, { throwIfNoEntry: false });
    if (status === undefined || left-- <= 0) return false;
    bytes += status.size;
    return !status.isDirectory() || readdirSync(file).every((name) => add(join(file, name)));
  };
  try {
    return add(path) ? bytes : Infinity;
  } catch {
    return Infinity;
  }
}
