/** Encrypted copies of signing keys as files: NAME.age. */
import { mkdirSync, readFileSync, readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { replaceFile } from "../../nix/cachectl/lib/replace-file.ts";

const ending = ".age";
/** A key's copy for a dozen recipients has some 3 KB. */
const longest = 64 * 1024;

/** One copy: the key's name as its file says it, and age's armored text. */
export interface Copy {
  readonly name: string;
  readonly file: string;
  readonly text: string;
}

/** Writes what is not there already, each by rename. @throws Error when the folder can't be written to */
export function keepCopies(
  folder: string,
  copies: Readonly<Record<string, string>>,
): { readonly file: string; readonly written: boolean }[] {
  mkdirSync(folder, { recursive: true });
  return Object.entries(copies).map(([name, text]) => {
    if (!/^[A-Za-z0-9._-]+$/.test(name)) throw new Error(`the stack's output escrow has a key ${JSON.stringify(name)}`);
    const file = join(folder, `${name}${ending}`);
    const written = readText(file) !== text;
    if (written) replaceFile(file, text, 0o600);
    return { file, written };
  });
}

/**
 * The copies at a path: the file, or a folder's NAME.age files whose key is among `names`.
 *
 * @throws Error when there are none
 */
export function readCopies(path: string, names: readonly string[]): Copy[] {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory();
  if (isFolder === undefined) throw new Error(`--from: there is no ${path}`);
  if (!isFolder) return [readCopy(path)];
  const wanted = names.map((name) => `${name}${ending}`);
  const there = readdirSync(path).filter((name) => name.endsWith(ending));
  const files = there.filter((name) => wanted.includes(name));
  if (files.length > 0) return files.map((name) => readCopy(join(path, name)));
  throw new Error(`--from: ${path} has ${there.join(", ") || `no *${ending}`}; expected ${wanted.join(" or ")}`);
}

function readCopy(file: string): Copy {
  const text = readText(file);
  if (text === undefined) throw new Error(`--from: ${file} can't be read, or has over ${longest} bytes`);
  return { name: basename(file, ending), file, text };
}

function readText(file: string): string | undefined {
  try {
    return statSync(file).size > longest ? undefined : readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
