import { mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { join } from "node:path";

/** A path that somebody wants kept. */
export interface Pin {
  /** `^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$`. */
  readonly name: string;
  readonly path: string;
  /** The last day on which it holds, YYYY-MM-DD in UTC; absent: for ever. */
  readonly lastDay?: string;
}

const nameForm = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$/;
const fileForm = /^(?<name>[^@]+)(?:@(?<lastDay>\d{4}-\d{2}-\d{2}))?$/;

/** Whether `name` can be a pin's: also what keeps a name from being a way out of the folder. */
export function isPinName(name: string): boolean {
  return nameForm.test(name);
}

/** The moment after a day's end, in seconds since 1970; undefined for a text that is no day. */
export function endOfDay(day: string): number | undefined {
  const start = /^\d{4}-\d{2}-\d{2}$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : NaN;
  // Date.parse takes the 31st of June for the first of July.
  const real = !Number.isNaN(start) && new Date(start).toISOString().startsWith(day);
  return real ? start / 1000 + 86_400 : undefined;
}

/** Reads the name of a pin's link, `NAME` or `NAME@YYYY-MM-DD`; any other name is a pin without an end. */
export function parsePin(file: string): { readonly name: string; readonly lastDay?: string; readonly until?: number } {
  const { name, lastDay } = fileForm.exec(file)?.groups ?? {};
  const until = lastDay === undefined ? undefined : endOfDay(lastDay);
  if (name === undefined || lastDay === undefined || until === undefined) return { name: file };
  return { name, lastDay, until };
}

/** All pins, by name. */
export function readPins(rootsDirectory: string): Pin[] {
  const folder = join(rootsDirectory, "pins");
  return filesIn(folder).map((file) => {
    const { name, lastDay } = parsePin(file);
    return { name, path: readlinkSync(join(folder, file)), ...(lastDay !== undefined && { lastDay }) };
  });
}

/**
 * Pins a path, which is a root from then on; another path or another end of the same name is replaced. The end stands in
 * the link's own name, so that no moment has the one without the other.
 */
export function setPin(rootsDirectory: string, { name, path, lastDay }: Pin): void {
  const folder = join(rootsDirectory, "pins");
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const file = lastDay === undefined ? name : `${name}@${lastDay}`;
  const temporary = join(folder, `.tmp-${randomBytes(6).toString("hex")}`);
  symlinkSync(path, temporary);
  renameSync(temporary, join(folder, file));
  removeAll(folder, name, file);
}

/** Takes a pin out; whether there was one. */
export function removePin(rootsDirectory: string, name: string): boolean {
  return removeAll(join(rootsDirectory, "pins"), name) > 0;
}

function removeAll(folder: string, name: string, except?: string): number {
  const files = filesIn(folder).filter((file) => file !== except && parsePin(file).name === name);
  for (const file of files) rmSync(join(folder, file), { force: true });
  return files.length;
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((file) => !file.startsWith("."))
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
