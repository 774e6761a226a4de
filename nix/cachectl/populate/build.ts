/** From a derivation to its outputs. */
import { type BuildPlan, parsePlan } from "../coverage/plan.ts";
import { fieldsOf, listOf, parseJson } from "../lib/json.ts";
import { inStore, type Nix, runNix } from "./nix.ts";

/** What building a derivation would build and fetch. */
export async function planBuild(context: Nix, drvPath: string, deadline: number): Promise<BuildPlan> {
  const lines: string[] = [];
  await runNix(context, "planning", deadline, ["build", "--dry-run", `${drvPath}^*`], (line) => lines.push(line));
  return parsePlan(lines);
}

/** What the store knows of derivations, as Nix's JSON has it, by the derivation's path. */
export async function showDerivations(
  context: Nix,
  drvPaths: readonly string[],
  deadline: number,
): Promise<ReadonlyMap<string, unknown>> {
  const shown = new Map<string, unknown>();
  for (let start = 0; start < drvPaths.length; start += batch) {
    const args = ["derivation", "show", ...drvPaths.slice(start, start + batch)];
    const answer = fieldsOf(parseJson((await runNix(context, "reading derivations", deadline, args)).stdout));
    // From format 4 on they stand a level deeper, and without the store's folder.
    const entries = fieldsOf(answer.get("derivations") ?? Object.fromEntries(answer));
    for (const [path, derivation] of entries) shown.set(inStore(context, path), derivation);
  }
  return shown;
}

/** Paths in one argument list. */
const batch = 500;

/** Builds or fetches every output of a derivation; gives their paths. What fails does not keep the rest from being built. */
export async function build(context: Nix, drvPath: string, deadline: number): Promise<string[]> {
  const args = ["build", "--no-link", "--json", "--print-build-logs", "--keep-going", `${drvPath}^*`];
  const results = listOf(parseJson((await runNix(context, "build", deadline, args)).stdout));
  const paths = results.flatMap((result) => [...fieldsOf(fieldsOf(result).get("outputs")).values()]);
  return paths.map((path) => inStore(context, String(path)));
}
