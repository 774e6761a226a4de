import { existsSync, readdirSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { isStorePath } from "../receive/path-list.ts";
import { hashInBase32 } from "../receive/signature.ts";
import { queryStore, type StoreAccess } from "../receive/store-query.ts";

/** A valid path and what its NAR should be. */
export interface Recorded {
  readonly path: string;
  /** `sha256:` and 52 characters of Nix's base 32. */
  readonly narHash: string;
  readonly narSize: number;
}

/** Where the store's own records are. */
export interface Records {
  readonly databaseFile: string;
  readonly storeDirectory: string;
  readonly access: StoreAccess;
}

const busyMilliseconds = 30_000;

/** All valid paths, in the order of their names: that of the hashes, so that a pass that was broken off can go on. */
export async function validPaths(records: Records): Promise<Recorded[]> {
  const recorded = fromDatabase(records.databaseFile) ?? (await fromNix(records));
  return recorded.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** What is recorded of a path now; undefined when it is not valid (any more). */
export async function recordOf(path: string, { access }: Records): Promise<Recorded | undefined> {
  const found: Recorded[] = [];
  await queryStore(access, [path], ({ narHash, narSize }) => found.push({ path, narHash, narSize }));
  return found[0];
}

function fromDatabase(file: string): Recorded[] | undefined {
  if (!existsSync(file)) return undefined;
  let database: DatabaseSync;
  try {
    database = new DatabaseSync(file, { readOnly: true, timeout: busyMilliseconds });
  } catch {
    return undefined;
  }
  try {
    const rows = database.prepare("SELECT path, hash, narSize FROM ValidPaths").all();
    return rows.map(({ path, hash, narSize }) => ({
      path: String(path),
      // The database has it in hexadecimal digits.
      narHash: `sha256:${hashInBase32(String(hash).slice("sha256:".length))}`,
      narSize: Number(narSize ?? 0),
    }));
  } catch {
    return undefined;
  } finally {
    database.close();
  }
}

async function fromNix({ storeDirectory, access }: Records): Promise<Recorded[]> {
  const candidates = readdirSync(storeDirectory)
    .map((name) => `/nix/store/${name}`)
    .filter(isStorePath);
  const found: Recorded[] = [];
  await queryStore(access, candidates, ({ path, narHash, narSize }) => found.push({ path, narHash, narSize }));
  return found;
}
