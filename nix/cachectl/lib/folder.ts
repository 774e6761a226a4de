import { lstatSync, readdirSync, readlinkSync, type Stats } from "node:fs";

/** Names in a folder; none where there is no folder. Throws an Error when it can't be read. */
export function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return [];
    throw error;
  }
}

/** What a name stands for itself, be it a link; undefined when there is nothing. */
export function statusOf(file: string): Stats | undefined {
  return lstatSync(file, { throwIfNoEntry: false });
}

/** Where a link leads; undefined when there is none. */
export function targetOf(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch {
    return undefined;
  }
}
