/** Nix as populate and coverage run it: each command confined, each with a deadline. */
import { join } from "node:path";
import { fieldsOf, parseJson, textsOf } from "../lib/json.ts";
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

/** Runs one command of `nix` within its limits; throws a NixFailure when it does not end well. */
export async function runNix(
  context: Nix,
  step: string,
  deadline: number,
  args: readonly string[],
  onLine?: (line: string) => void,
): Promise<Ended> {
  return runProgram(context, step, deadline, [...features, ...args], onLine);
}

/** The same for a sister of `nix`, with no arguments but the given and those of the store. */
export async function runProgram(
  { program, confiner, env, cwd, stop, options }: Nix,
  step: string,
  deadline: number,
  args: readonly string[],
  onLine?: (line: string) => void,
): Promise<Ended> {
  const argv = confiner.wrap([program, ...args, ...options]);
  const ended = await runBounded(argv, { env, cwd, deadline, stop, ...(onLine && { onLine }) });
  if (ended.how === "exit" && ended.status === 0) return ended;
  throw new NixFailure(step, ended);
}

/** The line that says most: Nix's last error, or whatever came last. */
export function lastWords({ log }: Pick<Ended, "log">): string {
  const error = log.findLast((line) => /^\s*error: \S/.test(line));
  return (error ?? log.findLast((line) => line.trim() !== "") ?? "it said nothing").trim().replace(/^error: /, "");
}

/** From JSON format 2 on, store paths may come without the store's folder. */
export function inStore({ store }: Nix, path: string): string {
  return path.startsWith("/") ? path : join(store, path);
}

/** Whether this Nix is too old, or too new, for the way that it was asked. */
export function isUnknownCommand(error: unknown): boolean {
  const log = error instanceof NixFailure ? error.ended.log.join("\n") : "";
  return /is not a recognised command|unrecognised flag/.test(log);
}

/** The value of a setting of this machine's Nix, by the setting's name. */
export async function nixSettings(context: Nix, deadline: number): Promise<(name: string) => unknown> {
  const ask = (command: readonly string[]): Promise<Ended> =>
    runNix(context, "asking Nix's settings", deadline, [...command, "--json"]);
  // Before 2.20 it had another name.
  const { stdout } = await ask(["config", "show"]).catch(async (error: unknown) => {
    if (!isUnknownCommand(error)) throw error;
    return ask(["show-config"]);
  });
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
