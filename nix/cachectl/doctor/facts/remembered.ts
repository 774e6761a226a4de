/** What Nix has noted of caches: it believes a priority for seven days (`narinfo-cache-meta-ttl`), whatever the cache says. */
import { readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** A cache's priority as it was, and when it was noted (milliseconds since 1970). */
export interface Remembered {
  readonly priority: number;
  readonly at: number;
}

/** By address. The notes of whoever runs this: of root, which are the daemon's, where it runs as root. Throws nothing. */
export function rememberedPriorities(env: NodeJS.ProcessEnv): ReadonlyMap<string, Remembered> {
  const folder = join(env.XDG_CACHE_HOME ?? join(env.HOME ?? homedir(), ".cache"), "nix");
  const found = new Map<string, Remembered>();
  for (const name of filesIn(folder)) for (const [url, note] of readNotes(join(folder, name))) found.set(url, note);
  return found;
}

/** `binary-cache-v6.sqlite`, `…-v7.sqlite`: the version of its form, the newest last. */
function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^binary-cache-v\d+\.sqlite$/.test(name))
      .sort();
  } catch {
    return [];
  }
}

/** NixOS/nix, src/libstore/nar-info-disk-cache.cc: BinaryCaches(url, timestamp, storeDir, wantMassQuery, priority). */
function readNotes(file: string): readonly (readonly [string, Remembered])[] {
  try {
    const database = new DatabaseSync(file, { readOnly: true, timeout: 500 });
    try {
      const rows = database.prepare("select url, timestamp, priority from BinaryCaches").all();
      return rows.map((row) => [
        String(row.url).replace(/\/+$/, ""),
        { priority: Number(row.priority), at: Number(row.timestamp) * 1000 },
      ]);
    } finally {
      database.close();
    }
  } catch {
    // Another form, or in use: then there is nothing to be said.
    return [];
  }
}
