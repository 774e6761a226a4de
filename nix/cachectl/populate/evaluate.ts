/** From a flake's output to its derivation. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fieldsOf, parseJson } from "../lib/json.ts";
import { fragment } from "./attribute.ts";
import { evaluation, type LockedFlake } from "./locked-flake.ts";
import { type Nix, runNix } from "./nix.ts";

/** A derivation before it is built. */
export interface Evaluated {
  readonly name: string;
  readonly drvPath: string;
  readonly system: string;
  /** By output name; a path that is not known before the build (a content-addressed derivation's) is left out. */
  readonly outputs: ReadonlyMap<string, string>;
  /** Whether a path was left out. */
  readonly open: boolean;
}

/** From a derivation to its name, its paths and its system, in the Nix language. */
export const describeFunction = readFileSync(join(import.meta.dirname, "describe.nix"), "utf8");

/** Evaluates one output; its derivation is in the store afterwards, without a root. */
export async function evaluate(
  context: Nix,
  flake: LockedFlake,
  path: readonly string[],
  deadline: number,
): Promise<Evaluated> {
  const installable = `${flake.url}#${fragment(path)}`;
  const args = ["eval", "--json", ...evaluation, ...flake.arguments, installable, "--apply", describeFunction];
  const answer = parseJson((await runNix(context, "evaluation", deadline, args)).stdout);
  const evaluated = readEvaluated(context, answer);
  if (evaluated === undefined) throw new Error("evaluation: Nix's answer is not what was asked for");
  return evaluated;
}

/** What the function answered; undefined for anything else. */
export function readEvaluated({ store }: Nix, answer: unknown): Evaluated | undefined {
  const fields = fieldsOf(answer);
  const [name, drvPath, system] = [fields.get("name"), fields.get("drvPath"), fields.get("system")];
  if (typeof name !== "string" || typeof drvPath !== "string" || typeof system !== "string") return undefined;
  const all = [...fieldsOf(fields.get("outputs"))];
  const known = all.filter((entry): entry is [string, string] => String(entry[1]).startsWith(`${store}/`));
  return { name, drvPath, system, outputs: new Map(known), open: known.length < all.length };
}
