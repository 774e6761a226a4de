/** Asks binary caches how big paths are. */
import type { Download } from "./coverage.ts";
import { queryNarinfo } from "./narinfo.ts";
import { nameOf } from "./plan.ts";

/** Questions at a time. */
const concurrency = 16;

/** The paths with their sizes from the first cache that has each; the biggest first. A cache that can't be asked has nothing. */
export async function sizesOf(
  paths: readonly string[],
  caches: readonly string[],
  stop: AbortSignal,
): Promise<Download[]> {
  const waiting = [...paths];
  const found: Download[] = [];
  const worker = async (): Promise<void> => {
    for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
      found.push(await sizeOf(path, caches, stop));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return found.sort((a, b) => (b.fileBytes ?? 0) - (a.fileBytes ?? 0) || (a.name < b.name ? -1 : 1));
}

async function sizeOf(path: string, caches: readonly string[], stop: AbortSignal): Promise<Download> {
  for (const cache of caches) {
    const narinfo = await queryNarinfo(cache, path, stop).catch(() => undefined);
    if (narinfo !== undefined) return { name: nameOf(path), path, ...narinfo, from: cache };
  }
  return { name: nameOf(path), path, fileBytes: undefined, narBytes: undefined, from: undefined };
}
