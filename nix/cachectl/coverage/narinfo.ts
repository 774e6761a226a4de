/** What a binary cache says of a path. */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

/** Sizes in bytes; undefined where the cache does not say. */
export interface Narinfo {
  /** Compressed: what is downloaded. */
  readonly fileBytes: number | undefined;
  /** In the store. */
  readonly narBytes: number | undefined;
}

const longest = 15_000;

/**
 * Asks a binary cache (http, https, file) for a path. Undefined when it does not have it; throws an Error when it can't be
 * asked, or answers neither yes nor no.
 */
export async function queryNarinfo(cache: string, path: string, stop: AbortSignal): Promise<Narinfo | undefined> {
  const place = `${cache.replace(/\?.*$/, "").replace(/\/+$/, "")}/${basename(path).slice(0, 32)}.narinfo`;
  const text = await (place.startsWith("file:") ? readLocal(place) : readRemote(place, stop));
  if (text === undefined) return undefined;
  const number = (field: string): number | undefined => {
    const found = new RegExp(`^${field}: (\\d+)$`, "m").exec(text)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const narBytes = number("NarSize");
  // Without a FileSize what is sent is the NAR itself, or made anew for each request.
  return { fileBytes: number("FileSize") ?? narBytes, narBytes };
}

async function readLocal(place: string): Promise<string | undefined> {
  try {
    return await readFile(fileURLToPath(place), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function readRemote(place: string, stop: AbortSignal): Promise<string | undefined> {
  const response = await fetch(place, { signal: AbortSignal.any([stop, AbortSignal.timeout(longest)]) });
  const text = await response.text();
  if (response.ok) return text;
  // 403 is how a bucket without the right to list says "not there"; Nix takes it so too.
  if ([403, 404, 410].includes(response.status)) return undefined;
  throw new Error(`${place} was answered with status ${response.status}`);
}
