/** What a run came to: the file that `cachectl status` and the next run read. */
import { lstatSync, readFileSync, readlinkSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fieldsOf, listOf, parseJson } from "../lib/json.ts";
import { replaceFile } from "../lib/replace-file.ts";

/**
 * `built` at least one derivation; `fetched` all of it; `present` it was in the store, and has its root now;
 * `unchanged` as in the last run; `upstream` clients get it from a cache that they ask before ours; `failed`;
 * `skipped` the run was stopped before it was done; `left` another machine's work.
 */
export type Status = "built" | "fetched" | "present" | "unchanged" | "upstream" | "failed" | "skipped" | "left";

/** One output under one lock. Sizes are bytes. */
export interface OutputResult {
  readonly output: string;
  readonly lock: "committed" | "updated";
  readonly kind: "system" | "package";
  /** The folder of its roots: a machine's name, or the output's. */
  readonly group: string;
  readonly status: Status;
  readonly seconds: number;
  /** What kind of failure, and Nix's word for it; or why it was left. */
  readonly reason?: string;
  /** The last lines of a failure. */
  readonly log?: readonly string[];
  readonly paths?: readonly string[];
  /** Derivations built and paths fetched, as Nix planned it. */
  readonly builds?: number;
  readonly fetches?: number;
  /** Fetched, compressed. */
  readonly downloadBytes?: number;
  /** The closure, and what of it the last generation did not have. */
  readonly closureBytes?: number;
  readonly newBytes?: number;
  /** New paths whose compressed NAR lies ready for its first reader; and how many do not, and why the first does not. */
  readonly warmed?: number;
  readonly notWarmed?: string;
  /** Of the flake that it was made of. */
  readonly fingerprint: string;
  /** When it last succeeded, as in ISO 8601. */
  readonly lastSuccess?: string;
}

export interface PopulateResult {
  readonly version: 1;
  readonly host: string;
  readonly flake: string;
  /** Of the flake, under each lock; absent when the flake could not be had. */
  readonly revision?: string;
  readonly started: string;
  readonly finished: string;
  readonly seconds: number;
  /** What kept the whole run, or a part of it that is no output, from succeeding. */
  readonly problems: readonly string[];
  readonly stopped: boolean;
  readonly outputs: readonly OutputResult[];
  /** What was discovered, for a run that finds the flake unchanged. */
  readonly discovered?: Discovery;
  /** The branch that the updated lock was pushed to, and the commit. */
  readonly pushed?: { readonly branch: string; readonly commit: string };
}

/** Outputs as component lists, and what only other machines can build. */
export interface Discovery {
  readonly fingerprint: string;
  readonly outputs: readonly (readonly string[])[];
  readonly left: readonly (readonly string[])[];
}

/** Whether an output is served as it should be. */
export function isSuccess(status: Status): boolean {
  return status !== "failed" && status !== "skipped";
}

/** The last run's result; undefined when there is none that can be read. */
export function readResult(file: string): PopulateResult | undefined {
  let content: unknown;
  try {
    content = parseJson(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
  const fields = fieldsOf(content);
  const isOurs = fields.get("version") === 1 && Array.isArray(fields.get("outputs"));
  const whole = listOf(fields.get("outputs")).every((output) => typeof fieldsOf(output).get("output") === "string");
  return isOurs && whole ? (content as PopulateResult) : undefined;
}

/**
 * Writes the result by rename. Where the file is a symbolic link, the file that it leads to is written: so the state's
 * folder, which is root's, shows a file in the folder of populate's own user.
 */
export function writeResult(file: string, result: PopulateResult): void {
  const isLink = lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
  const target = isLink ? resolve(dirname(file), readlinkSync(file)) : file;
  replaceFile(target, `${JSON.stringify(result, undefined, 1)}\n`, 0o644);
}
