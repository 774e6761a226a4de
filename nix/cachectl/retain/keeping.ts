import { fieldsOf } from "../lib/json.ts";
import type { StoreObject } from "./plan.ts";

/** What Nix's collector keeps beside closures (nix.conf: `keep-derivations`, true by default, and `keep-outputs`). */
export interface Keeping {
  /** A path keeps the derivation that it was built from, if that is there. */
  readonly derivations: boolean;
  /** A derivation keeps its outputs. */
  readonly outputs: boolean;
}

/** Reads both from what `nix config show --json` printed; Nix's defaults where it does not say. */
export function keepingOf(settings: unknown): Keeping {
  const value = (name: string): unknown => fieldsOf(fieldsOf(settings).get(name)).get("value");
  return { derivations: value("keep-derivations") !== false, outputs: value("keep-outputs") === true };
}

/**
 * Adds to a graph what Nix's collector keeps with a path, as if it were a reference: without it the plan would promise
 * bytes that the collector does not free. Pairs whose paths are not there are passed over.
 *
 * @param derivers a path and the derivation it was built from
 * @param outputs a derivation and one of its outputs
 */
export function keepLinks(
  graph: ReadonlyMap<string, StoreObject & { readonly references: string[] }>,
  keeping: Keeping,
  derivers: Iterable<readonly [path: string, deriver: string]>,
  outputs: Iterable<readonly [derivation: string, output: string]>,
): void {
  const link = (from: string, to: string): void => {
    if (graph.has(to)) graph.get(from)?.references.push(to);
  };
  if (keeping.derivations) for (const [path, deriver] of derivers) link(path, deriver);
  if (keeping.outputs) for (const [derivation, output] of outputs) link(derivation, output);
}
