/** Tells builds that a cache could spare from those that it could not. */
import { fieldsOf } from "../lib/json.ts";
import { showDerivations } from "../populate/build.ts";
import type { Nix } from "../populate/nix.ts";
import type { Build, Coverage } from "./coverage.ts";
import { nameOf } from "./plan.ts";

type Kind = "builds" | "sources" | "local";

/** Sorts derivations by what kind of work they are; each list by name. Throws an Error when Nix fails. */
export async function sortBuilds(
  nix: Nix,
  drvPaths: readonly string[],
  deadline: number,
): Promise<Pick<Coverage, Kind>> {
  const shown = await showDerivations(nix, drvPaths, deadline);
  const sorted: Record<Kind, Build[]> = { builds: [], sources: [], local: [] };
  for (const drvPath of drvPaths) sorted[kindOf(shown.get(drvPath))].push({ name: nameOf(drvPath), drvPath });
  for (const list of Object.values(sorted)) list.sort((a, b) => (a.name < b.name ? -1 : 1));
  return sorted;
}

/** The kind of a derivation, from what `nix derivation show` says of it. */
export function kindOf(derivation: unknown): Kind {
  const fields = fieldsOf(derivation);
  const outputs = [...fieldsOf(fields.get("outputs")).values()];
  if (outputs.some((output) => fieldsOf(output).get("hash") !== undefined)) return "sources";
  // false is the empty text in a derivation's environment, and false itself among structured attributes.
  const attributes = fieldsOf(fields.get("structuredAttrs"));
  const value = attributes.get("allowSubstitutes") ?? fieldsOf(fields.get("env")).get("allowSubstitutes");
  return value === "" || value === false ? "local" : "builds";
}
