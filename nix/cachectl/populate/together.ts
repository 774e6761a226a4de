/** Evaluates several outputs in one process, so that what they share is evaluated once. */
import { fieldsOf, parseJson } from "../lib/json.ts";
import { type FlakeOutput, fragment } from "./attribute.ts";
import { describeFunction, type Evaluated, readEvaluated } from "./evaluate.ts";
import { evaluation, type LockedFlake } from "./locked-flake.ts";
import { type Nix, NixFailure, runNix, runProgram } from "./nix.ts";
import { findOptional } from "./programs.ts";

/** What is known after it, by the output's name. An output that is not in it has to be evaluated on its own. */
export type Together = ReadonlyMap<string, Evaluated>;

/** Within this, all of them or none: a process that grows too big or hangs is ended, and nothing is lost but its time. */
export interface TogetherLimits {
  /** Milliseconds since 1970. */
  readonly deadline: number;
  readonly memoryBytes: number;
  /** For nix-eval-jobs: a folder that is made, for the roots of derivations. */
  readonly roots: string;
}

/**
 * Evaluates what it can: everything where nix-eval-jobs is there, for it survives outputs that fail; otherwise the
 * packages, checks and shells of each set. Systems are left out then, whose evaluations share little and need much memory.
 * Never fails: what goes wrong together shows its reason when it is evaluated on its own.
 */
export async function evaluateTogether(
  nix: Nix,
  flake: LockedFlake,
  outputs: readonly FlakeOutput[],
  limits: TogetherLimits,
): Promise<Together> {
  const found = new Map<string, Evaluated>();
  const jobs = findOptional("nix-eval-jobs", nix.env);
  try {
    if (jobs !== undefined) await withEvalJobs({ ...nix, program: jobs }, flake, outputs, limits, found);
    else for (const set of setsOf(outputs)) await withNix(nix, flake, set, limits, found);
  } catch (error) {
    if (!(error instanceof NixFailure)) throw error;
  }
  return found;
}

/** Outputs of one set with each other, such as those of packages.x86_64-linux; sets of one have nothing to share. */
function setsOf(outputs: readonly FlakeOutput[]): FlakeOutput[][] {
  const flat = outputs.filter(({ kind, path }) => kind === "package" && path.length === 3);
  const sets = Map.groupBy(flat, ({ path }) => fragment(path.slice(0, 2)));
  return [...sets.values()].filter(({ length }) => length > 1);
}

async function withNix(
  nix: Nix,
  flake: LockedFlake,
  outputs: readonly FlakeOutput[],
  { deadline }: TogetherLimits,
  found: Map<string, Evaluated>,
): Promise<void> {
  const set = fragment(outputs[0]?.path.slice(0, 2) ?? []);
  const members = outputs.map(({ path }, index) => `"${index}" = describe set.${nixName(path[2] ?? "")};`);
  const apply = `let describe = ${describeFunction}; in set: { ${members.join(" ")} }`;
  const args = ["eval", "--json", ...evaluation, ...flake.arguments, `${flake.url}#${set}`, "--apply", apply];
  try {
    const answer = fieldsOf(parseJson((await runNix(nix, "evaluation", deadline, args)).stdout));
    for (const [index, output] of outputs.entries()) take(nix, output, answer.get(String(index)), found);
  } catch (error) {
    // The other sets may be well.
    if (!(error instanceof NixFailure) || error.ended.how === "stopped") throw error;
  }
}

/** NixOS/nix-eval-jobs, README.md: a line of JSON an output, with an `error` or what `--apply` gave, as `extraValue`. */
async function withEvalJobs(
  nix: Nix,
  flake: LockedFlake,
  outputs: readonly FlakeOutput[],
  { deadline, memoryBytes, roots }: TogetherLimits,
  found: Map<string, Evaluated>,
): Promise<void> {
  const members = outputs.map(({ path }, index) => `"${index}" = flake.outputs.${path.map(nixName).join(".")};`);
  const select = `flake: { ${members.join(" ")} }`;
  // It ends a worker that grows beyond this once its output is done; the limit of the process is the hard one.
  const memory = Math.floor(memoryBytes / 2 / 1024 ** 2);
  const limits = ["--workers", "1", "--max-memory-size", String(memory), "--gc-roots-dir", roots];
  const functions = ["--select", select, "--apply", describeFunction];
  const args = [...limits, ...flake.arguments, ...functions, "--flake", flake.url];
  const read = (text: string): void => {
    for (const line of text.split("\n")) {
      const fields = fieldsOf(parseJson(line));
      const output = outputs[Number(fields.get("attr"))];
      if (output !== undefined) take(nix, output, fields.get("extraValue"), found);
    }
  };
  try {
    read((await runProgram(nix, "evaluation", deadline, args)).stdout);
  } catch (error) {
    // What was evaluated before it hung or died counts all the same.
    if (error instanceof NixFailure) read(error.ended.stdout);
    throw error;
  }
}

function take(nix: Nix, { name }: FlakeOutput, answer: unknown, found: Map<string, Evaluated>): void {
  const evaluated = readEvaluated(nix, answer);
  if (evaluated !== undefined) found.set(name, evaluated);
}

/** A name in an attribute path of the Nix language. */
function nixName(name: string): string {
  return `"${name.replaceAll(/[\\"]|\$(?=\{)/g, "\\$&")}"`;
}
