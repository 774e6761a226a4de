/**
 * A queue entry as the hook writes it (nix/hook/upload-hook.sh), one a build:
 *
 *     nix-binary-cache 1
 *     drv /nix/store/…-hello.drv      (optional)
 *     out /nix/store/…-hello          (one or more)
 *     end
 *
 * The last line tells a whole entry from one that a power cut left half on the disk. When it was queued is the file's
 * own time: a POSIX shell knows no clock without starting a program.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { isStorePath } from "../receive/path-list.ts";

/** One build that waits to be uploaded. */
export interface Entry {
  /** The file's name. */
  readonly id: string;
  readonly paths: readonly string[];
  readonly derivation?: string;
  /** When it was queued, in milliseconds since 1970 by this machine's clock of then. */
  readonly queuedAt: number;
}

export const firstLine = "nix-binary-cache 1";
const lastLine = "end";
/** Far more than the outputs of any derivation come to. */
const maxBytes = 1024 ** 2;

/** Whether a name can be an entry's: also what keeps it from being a way out of the folder. */
export function isEntryName(name: string): boolean {
  return /^[0-9A-Za-z][0-9A-Za-z._-]{0,199}$/.test(name);
}

/** An entry's text. */
export function encodeEntry(entry: Pick<Entry, "paths" | "derivation">): string {
  const derivation = entry.derivation === undefined ? [] : [`drv ${entry.derivation}`];
  return [firstLine, ...derivation, ...entry.paths.map((path) => `out ${path}`), lastLine, ""].join("\n");
}

/** The paths of an entry, or what is wrong with its text. */
export function parseEntry(text: string): Pick<Entry, "paths" | "derivation"> | { readonly problem: string } {
  const lines = text.split("\n");
  if (lines[0] !== firstLine) return { problem: `does not begin with "${firstLine}"` };
  if (lines.pop() !== "" || lines.pop() !== lastLine) return { problem: "is cut off" };
  const paths = new Set<string>();
  let derivation: string | undefined;
  for (const line of lines.slice(1)) {
    const [kind, path] = [line.slice(0, 4), line.slice(4)];
    if (!isStorePath(path)) return { problem: `has a line that names no store path: ${shown(line)}` };
    if (kind === "out ") paths.add(path);
    else if (kind === "drv " && derivation === undefined) derivation = path;
    else return { problem: `has a line of no known kind: ${shown(line)}` };
  }
  if (paths.size === 0) return { problem: "names no path" };
  return { paths: [...paths], ...(derivation !== undefined && { derivation }) };
}

/** Reads an entry's file: the entry, what is wrong with it, or undefined when it is gone. Never follows a link, never waits. */
export function readEntry(file: string, id: string): Entry | { readonly problem: string } | undefined {
  let opened: number;
  try {
    opened = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    return { problem: code === "ELOOP" ? "is a link" : `can't be read: ${code ?? "unknown error"}` };
  }
  try {
    const status = fstatSync(opened);
    if (!status.isFile()) return { problem: "is not a file" };
    if (status.size > maxBytes) return { problem: `has ${status.size} bytes` };
    const buffer = Buffer.alloc(status.size);
    const count = readSync(opened, buffer, 0, buffer.length, 0);
    const parsed = parseEntry(buffer.toString("latin1", 0, count));
    return "problem" in parsed ? parsed : { id, ...parsed, queuedAt: status.mtimeMs };
  } finally {
    closeSync(opened);
  }
}

function shown(line: string): string {
  return JSON.stringify(line.slice(0, 80));
}
