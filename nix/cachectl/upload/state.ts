import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fieldsOf, listOf, numberOf, parseJson } from "../lib/json.ts";
import { replaceFile } from "../lib/replace-file.ts";

/** Something that failed and is tried again. Times are milliseconds since 1970. */
export interface Setback {
  readonly failures: number;
  readonly since: number;
  readonly notBefore: number;
  readonly reason: string;
}

/** A path that was deliberately not uploaded. */
export interface Skip {
  readonly path: string;
  readonly reason: string;
  readonly at: number;
}

/** What the uploader remembers between two runs, in `state.json`. All of it can be lost without losing an upload. */
export interface UploadState {
  /** The server, or this machine's Nix, is not to be had. */
  readonly server?: Setback | undefined;
  /** Entries that failed by themselves. */
  readonly entries: Readonly<Record<string, Setback>>;
  readonly lastAttempt?: number;
  readonly lastSuccess?: number;
  readonly uploadedPaths: number;
  readonly skipped: { readonly excluded: number; readonly tooLarge: number; readonly last: readonly Skip[] };
  readonly rejected: number;
  /** Seconds from the end of a build until the server confirmed it, the latest last; at most 100. */
  readonly latencies: readonly number[];
}

export const emptyState: UploadState = {
  entries: {},
  uploadedPaths: 0,
  skipped: { excluded: 0, tooLarge: 0, last: [] },
  rejected: 0,
  latencies: [],
};

export const keptLatencies = 100;
export const keptSkips = 20;

/** Reads the state; a file that is missing or no use is an empty state. */
export function readState(folder: string): UploadState {
  let text: string;
  try {
    text = readFileSync(fileIn(folder), "utf8");
  } catch {
    return emptyState;
  }
  const given = fieldsOf(parseJson(text));
  const skipped = fieldsOf(given.get("skipped"));
  const server = setbackOf(given.get("server"));
  const [lastAttempt, lastSuccess] = [numberOf(given.get("lastAttempt")), numberOf(given.get("lastSuccess"))];
  const entries = [...fieldsOf(given.get("entries"))].flatMap(([id, value]) => {
    const setback = setbackOf(value);
    return setback === undefined ? [] : [[id, setback] as const];
  });
  return {
    ...(server && { server }),
    entries: Object.fromEntries(entries),
    ...(lastAttempt !== undefined && { lastAttempt }),
    ...(lastSuccess !== undefined && { lastSuccess }),
    uploadedPaths: numberOf(given.get("uploadedPaths")) ?? 0,
    skipped: {
      excluded: numberOf(skipped.get("excluded")) ?? 0,
      tooLarge: numberOf(skipped.get("tooLarge")) ?? 0,
      last: listOf(skipped.get("last")).flatMap(skipOf).slice(-keptSkips),
    },
    rejected: numberOf(given.get("rejected")) ?? 0,
    latencies: listOf(given.get("latencies"))
      .flatMap((value) => numberOf(value) ?? [])
      .slice(-keptLatencies),
  };
}

/** Writes the state whole. Throws an Error when it can't. */
export function writeState(folder: string, state: UploadState): void {
  replaceFile(fileIn(folder), `${JSON.stringify(state)}\n`, 0o644);
}

function fileIn(folder: string): string {
  return join(folder, "state.json");
}

function setbackOf(value: unknown): Setback | undefined {
  const given = fieldsOf(value);
  const [failures, since, notBefore] = ["failures", "since", "notBefore"].map((name) => numberOf(given.get(name)));
  const reason = given.get("reason");
  if (failures === undefined || since === undefined || notBefore === undefined) return undefined;
  return { failures, since, notBefore, reason: typeof reason === "string" ? reason : "unknown" };
}

function skipOf(value: unknown): Skip[] {
  const given = fieldsOf(value);
  const [path, reason, at] = [given.get("path"), given.get("reason"), numberOf(given.get("at"))];
  return typeof path === "string" && typeof reason === "string" && at !== undefined ? [{ path, reason, at }] : [];
}
