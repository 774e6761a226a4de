/** Nix's commands as populate gives them: each confined, each with a deadline, all in one form from 2.24 to 2.35. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { type BuildPlan, parsePlan } from "../coverage/plan.ts";
import { fieldsOf, listOf, parseJson, textsOf } from "../lib/json.ts";
import { fragment } from "./attribute.ts";
import { type Ended, runBounded } from "./bounded.ts";
import type { Confiner } from "./confine.ts";

/** What every call of Nix has in common. */
export interface Nix {
  readonly program: string;
  readonly env: NodeJS.ProcessEnv;
  readonly confiner: Confiner;
  readonly stop: AbortSignal;
  /** /nix/store */
  readonly store: string;
  /** What relative flake references are relative to. */
  readonly cwd: string;
  /** Options of every command that has to do with a store. */
  readonly options: readonly string[];
}

/** A flake at one state: evaluating it twice gives the same. */
export interface LockedFlake {
  /** Its locked reference, without an output. */
  readonly url: string;
  /** What evaluations take besides it: the lock in place of its own. */
  readonly arguments: readonly string[];
  /** Changes when anything does that an evaluation can see. */
  readonly fingerprint: string;
  /** Its lock, as Nix reads it. */
  readonly locks: unknown;
  /** For people: a short revision, or the hash of its contents. */
  readonly revision: string;
}

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

/** A call of Nix that did not give what it should: the step it was for, how it ended, and its last words. */
export class NixFailure extends Error {
  override readonly name = "NixFailure";
  readonly step: string;
  readonly ended: Ended;
  constructor(step: string, ended: Ended) {
    super(`${step}: ${lastWords(ended)}`);
    this.step = step;
    this.ended = ended;
  }
}

const features = ["--extra-experimental-features", "nix-command flakes"];
// A failure is found anew, with its reason: the evaluation cache remembers that there was one, and not which.
const evaluation = ["--no-write-lock-file", "--option", "eval-cache", "false"];
const describeFunction = readFileSync(join(import.meta.dirname, "describe.nix"), "utf8");

/** Runs one command; throws a NixFailure when it does not end well. */
async function nix(
  context: Nix,
  step: string,
  deadline: number,
  args: readonly string[],
  onLine?: (line: string) => void,
): Promise<Ended> {
  const argv = context.confiner.wrap([context.program, ...features, ...args, ...context.options]);
  const { env, cwd, stop } = context;
  const ended = await runBounded(argv, { env, cwd, deadline, stop, ...(onLine && { onLine }) });
  if (ended.how === "exit" && ended.status === 0) return ended;
  throw new NixFailure(step, ended);
}

/** The line that says most: Nix's last error, or whatever came last. */
export function lastWords({ log }: Pick<Ended, "log">): string {
  const error = log.findLast((line) => /^\s*error: \S/.test(line));
  return (error ?? log.findLast((line) => line.trim() !== "") ?? "it said nothing").trim().replace(/^error: /, "");
}

/** Resolves a flake reference, fetching it where it is not local. */
export async function lockFlake(context: Nix, reference: string, deadline: number): Promise<LockedFlake> {
  const args = ["flake", "metadata", "--json", "--no-write-lock-file", reference];
  const metadata = fieldsOf(parseJson((await nix(context, "reading the flake", deadline, args)).stdout));
  const url = metadata.get("url") ?? metadata.get("lockedUrl");
  if (typeof url !== "string") throw new Error(`nix flake metadata says no url of ${reference}`);
  const { rev, narHash } = Object.fromEntries(fieldsOf(metadata.get("locked")));
  const revision =
    typeof rev === "string" ? rev.slice(0, 8) : (typeof narHash === "string" ? narHash : url).slice(0, 16);
  const locks = metadata.get("locks");
  return { url, arguments: [], fingerprint: digest([url, locks]), locks, revision };
}

/** Writes an updated lock of a flake to a file; the flake stays as it is. */
export async function updateLock(context: Nix, flake: LockedFlake, file: string, deadline: number): Promise<void> {
  await nix(context, "updating the lock", deadline, [
    "flake",
    "update",
    "--flake",
    flake.url,
    "--output-lock-file",
    file,
  ]);
}

/** Whether the flake's lock is what a file says. */
export function hasLock({ locks }: LockedFlake, file: string): boolean {
  return isDeepStrictEqual(locks, parseJson(readFileSync(file, "utf8")));
}

/** The flake with another lock. */
export function withLock(flake: LockedFlake, file: string): LockedFlake {
  const fingerprint = digest([flake.url, readFileSync(file, "utf8")]);
  return { ...flake, arguments: ["--reference-lock-file", file], fingerprint };
}

function digest(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex");
}

/** The names in an attribute set of a flake's outputs; undefined when there is no such set. */
export async function attributeNames(
  context: Nix,
  flake: LockedFlake,
  path: readonly string[],
  deadline: number,
): Promise<string[] | undefined> {
  const installable = `${flake.url}#${fragment(path)}`;
  const args = ["eval", "--json", ...evaluation, ...flake.arguments, installable, "--apply", "builtins.attrNames"];
  try {
    return textsOf(parseJson((await nix(context, "listing", deadline, args)).stdout));
  } catch (error) {
    const absent = error instanceof NixFailure && error.ended.log.join("\n").includes("does not provide attribute");
    if (absent) return undefined;
    throw error;
  }
}

/** Evaluates one output; its derivation is in the store afterwards, without a root. */
export async function evaluate(
  context: Nix,
  flake: LockedFlake,
  path: readonly string[],
  deadline: number,
): Promise<Evaluated> {
  const installable = `${flake.url}#${fragment(path)}`;
  const args = ["eval", "--json", ...evaluation, ...flake.arguments, installable, "--apply", describeFunction];
  const answer = fieldsOf(parseJson((await nix(context, "evaluation", deadline, args)).stdout));
  const [name, drvPath, system] = [answer.get("name"), answer.get("drvPath"), answer.get("system")];
  if (typeof name !== "string" || typeof drvPath !== "string" || typeof system !== "string") {
    throw new Error("evaluation: Nix's answer is not what was asked for");
  }
  const all = [...fieldsOf(answer.get("outputs"))];
  const known = all.filter((entry): entry is [string, string] => String(entry[1]).startsWith(`${context.store}/`));
  return { name, drvPath, system, outputs: new Map(known), open: known.length < all.length };
}

/** What building a derivation would build and fetch. */
export async function planBuild(context: Nix, drvPath: string, deadline: number): Promise<BuildPlan> {
  const lines: string[] = [];
  await nix(context, "planning", deadline, ["build", "--dry-run", `${drvPath}^*`], (line) => lines.push(line));
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
    const answer = fieldsOf(parseJson((await nix(context, "reading derivations", deadline, args)).stdout));
    // From format 4 on they stand a level deeper, and without the store's folder.
    const entries = fieldsOf(answer.get("derivations") ?? Object.fromEntries(answer));
    for (const [path, derivation] of entries) shown.set(inStore(context, path), derivation);
  }
  return shown;
}

/** Paths in one argument list. */
const batch = 500;

/** From JSON format 2 on, store paths may come without the store's folder. */
function inStore({ store }: Nix, path: string): string {
  return path.startsWith("/") ? path : join(store, path);
}

/** Builds or fetches every output of a derivation; gives their paths. What fails does not keep the rest from being built. */
export async function build(context: Nix, drvPath: string, deadline: number): Promise<string[]> {
  const args = ["build", "--no-link", "--json", "--print-build-logs", "--keep-going", `${drvPath}^*`];
  const results = listOf(parseJson((await nix(context, "build", deadline, args)).stdout));
  const paths = results.flatMap((result) => [...fieldsOf(fieldsOf(result).get("outputs")).values()]);
  return paths.map((path) => inStore(context, String(path)));
}

/** The value of a setting of this machine's Nix, by the setting's name. */
export async function nixSettings(context: Nix, deadline: number): Promise<(name: string) => unknown> {
  const { stdout } = await nix(context, "asking Nix's settings", deadline, ["config", "show", "--json"]);
  const settings = fieldsOf(parseJson(stdout));
  return (name) => fieldsOf(settings.get(name)).get("value");
}

/** The systems that this machine's Nix builds for. */
export async function systems(context: Nix, deadline: number): Promise<string[]> {
  const value = await nixSettings(context, deadline);
  const own = value("system");
  if (typeof own !== "string") throw new Error("nix config show says no system");
  return [...new Set([own, ...textsOf(value("extra-platforms"))])];
}
