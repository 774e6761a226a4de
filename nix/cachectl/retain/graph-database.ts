import { DatabaseSync } from "node:sqlite";
import { keepLinks, type Keeping } from "./keeping.ts";
import type { Graph, StoreObject } from "./plan.ts";

/** A Nix database that is in use is read beside its writers; this is for the moments in which they lock it. */
const busyMilliseconds = 30_000;

interface MutableObject extends StoreObject {
  readonly references: string[];
}

/**
 * The store's graph from Nix's own database, `/nix/var/nix/db/db.sqlite`, in one transaction and without writing to it:
 * 100,000 paths take about a second. Its tables (`ValidPaths`, `Refs`, `DerivationOutputs`) have been the same since
 * Nix 2.0 (NixOS/nix, src/libstore/schema.sql, schema version 10). Throws an Error when it is not such a database.
 */
export function graphFromDatabase(file: string, keeping: Keeping): Graph {
  const database = new DatabaseSync(file, { readOnly: true, timeout: busyMilliseconds });
  try {
    // One transaction: what is read is the store of one moment.
    database.exec("BEGIN");
    const graph = new Map<string, MutableObject>();
    const paths = new Map<number, MutableObject>();
    const names = new Map<number, string>();
    const derivers: [path: string, deriver: string][] = [];
    for (const [id, path, bytes, deriver] of rows(database, "SELECT id, path, narSize, deriver FROM ValidPaths")) {
      const object = { bytes: Number(bytes ?? 0), references: [] };
      graph.set(String(path), object);
      paths.set(Number(id), object);
      names.set(Number(id), String(path));
      if (typeof deriver === "string" && deriver !== "") derivers.push([String(path), deriver]);
    }
    // One row a path: a row for each of a million references takes three times as long.
    const references = "SELECT referrer, group_concat(reference) FROM Refs GROUP BY referrer";
    for (const [referrer, list] of rows(database, references)) {
      const object = paths.get(Number(referrer));
      for (const reference of String(list).split(",")) {
        const name = names.get(Number(reference));
        if (name !== undefined) object?.references.push(name);
      }
    }
    const outputs = keeping.outputs ? rows(database, "SELECT drv, path FROM DerivationOutputs") : [];
    const pairs = [...outputs].map(([drv, path]) => [names.get(Number(drv)) ?? "", String(path)] as const);
    keepLinks(graph, keeping, derivers, pairs);
    return graph;
  } finally {
    database.close();
  }
}

/** Rows as lists: an object for each of a million references would cost more than reading them. */
function rows(database: DatabaseSync, query: string): Iterable<readonly (string | number | bigint | null)[]> {
  const statement = database.prepare(query);
  statement.setReturnArrays(true);
  return statement.iterate() as unknown as Iterable<readonly (string | number | bigint | null)[]>;
}
