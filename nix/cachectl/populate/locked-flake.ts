/** A flake, its lock, and the names in it. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { fieldsOf, parseJson, textsOf } from "../lib/json.ts";
import { fragment } from "./attribute.ts";
import { isUnknownCommand, type Nix, NixFailure, runNix } from "./nix.ts";

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

// A failure is found anew, with its reason: the evaluation cache remembers that there was one, and not which.
export const evaluation = ["--no-write-lock-file", "--option", "eval-cache", "false"];

/** Resolves a flake reference, fetching it where it is not local. */
export async function lockFlake(context: Nix, reference: string, deadline: number): Promise<LockedFlake> {
  const args = ["flake", "metadata", "--json", "--no-write-lock-file", reference];
  const metadata = fieldsOf(parseJson((await runNix(context, "reading the flake", deadline, args)).stdout));
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
  const update = async (what: readonly string[]): Promise<void> => {
    await runNix(context, "updating the lock", deadline, ["flake", "update", ...what, "--output-lock-file", file]);
  };
  // Before 2.19 the flake was an argument; since then arguments are inputs.
  await update(["--flake", flake.url]).catch(async (error: unknown) => {
    if (!isUnknownCommand(error)) throw error;
    await update([flake.url]);
  });
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
    return textsOf(parseJson((await runNix(context, "listing", deadline, args)).stdout));
  } catch (error) {
    const absent = error instanceof NixFailure && error.ended.log.join("\n").includes("does not provide attribute");
    if (absent) return undefined;
    throw error;
  }
}
