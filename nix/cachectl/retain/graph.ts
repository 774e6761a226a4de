import { existsSync, readdirSync } from "node:fs";
import { isStorePath } from "../receive/path-list.ts";
import { queryStore, type StoreAccess } from "../receive/store-query.ts";
import { graphFromDatabase } from "./graph-database.ts";
import { keepLinks, type Keeping } from "./keeping.ts";
import type { Graph, StoreObject } from "./plan.ts";

/** Where the graph can be read from. */
export interface GraphSources {
  /** `/nix/var/nix/db/db.sqlite`. */
  readonly databaseFile: string;
  /** `/nix/store`, whose entries are asked about where the database can't be read. */
  readonly storeDirectory: string;
  readonly access: StoreAccess;
  readonly keeping: Keeping;
  /** Told when the faster way is not open, and why. */
  warn(message: string): void;
}

/**
 * The store's graph: from Nix's database, or, where that can't be read (no rights, another store than a local one), from
 * Nix itself. Throws an Error when neither answers.
 */
export async function readGraph(sources: GraphSources): Promise<Graph> {
  if (existsSync(sources.databaseFile)) {
    try {
      return graphFromDatabase(sources.databaseFile, sources.keeping);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      sources.warn(`${sources.databaseFile} can't be read (${reason}): asking Nix about every path instead`);
    }
  }
  return graphFromNix(sources);
}

/** The same from `nix-store --serve`: slower, and by a way that every Nix has. */
export async function graphFromNix({ storeDirectory, access, keeping }: GraphSources): Promise<Graph> {
  const candidates = readdirSync(storeDirectory)
    .map((name) => `/nix/store/${name}`)
    .filter(isStorePath);
  const graph = new Map<string, StoreObject & { readonly references: string[] }>();
  const derivers: [string, string][] = [];
  await queryStore(access, candidates, ({ path, narSize, references, deriver }) => {
    graph.set(path, { bytes: narSize, references: [...references] });
    if (deriver !== "") derivers.push([path, deriver]);
  });
  keepLinks(
    graph,
    keeping,
    derivers,
    derivers.map(([path, deriver]) => [deriver, path]),
  );
  return graph;
}
