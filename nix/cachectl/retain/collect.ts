import { spawn } from "node:child_process";
import { join } from "node:path";
import { run } from "../lib/run.ts";
import { findOptional } from "../populate/programs.ts";

/** How Nix's own collector is run. */
export interface CollectorAccess {
  /** The real `nix-store`. */
  readonly program: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Milliseconds. A store of some hundred GiB takes an hour on a slow disk. */
  readonly timeout: number;
  /** Ends the collection early: Nix leaves its store in order, and the next run goes on. */
  readonly stop: AbortSignal;
}

/** What the collector did, in its own words where it has any. */
export interface Collected {
  readonly paths: number;
  /** Bytes on the disk; undefined when this Nix does not say. */
  readonly bytes?: number;
}

const units: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 };
const keptWords = 2000;

/**
 * Runs `nix-store --gc`: everything that no root keeps is deleted, each path after what refers to it.
 * Throws an Error with Nix's words when it fails, is stopped or takes too long.
 *
 * @param progress called with the count of paths deleted so far
 */
export async function collectGarbage(access: CollectorAccess, progress: (paths: number) => void): Promise<Collected> {
  const child = spawn(access.program, ["--gc"], {
    env: access.environment,
    cwd: "/",
    stdio: ["ignore", "pipe", "pipe"],
    timeout: access.timeout,
    signal: access.stop,
  });
  let words = "";
  let deleted = 0;
  const listen = (chunk: Buffer): void => {
    const text = chunk.toString("utf8");
    words = (words + text).slice(-keptWords);
    deleted += text.split("deleting '/nix/store/").length - 1;
    progress(deleted);
  };
  child.stdout.on("data", listen);
  child.stderr.on("data", listen);
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.once("error", (error) => reject(new Error(`the collection was not finished: ${error.message}`)));
  child.once("close", resolve);
  const status = await promise;
  if (status !== 0) throw new Error(`nix-store --gc ended with status ${status ?? "unknown"}: ${words.trim()}`);
  return parseFreed(words) ?? { paths: deleted };
}

/**
 * Waits for a collection that is under way, as one may be whose `retain` was killed. Nix's collector has a lock of its own
 * for as long as it is at it, which whoever uses the store shares (NixOS/nix, src/libstore/gc.cc). Throws an Error when it
 * takes over ten minutes.
 *
 * @param nixState `/nix/var/nix`
 */
export async function collectorAtRest(
  { environment: env }: Pick<CollectorAccess, "environment">,
  nixState: string,
): Promise<void> {
  const flock = findOptional("flock", env);
  if (flock === undefined) return;
  const args = ["--shared", "--timeout", "600", join(nixState, "gc.lock"), "true"];
  const { status } = await run(flock, args, { env, timeout: 610_000 });
  if (status !== 0)
    throw new Error("a collection of Nix's has been under way for ten minutes: run this again after it");
}

/** Reads `12 store paths deleted, 3.45 MiB freed`. */
export function parseFreed(words: string): Collected | undefined {
  const match = /(\d+) store paths deleted, ([\d.]+) ([KMGT]?i?B) freed/.exec(words);
  if (match === null) return undefined;
  const unit = units[match[3] ?? ""];
  return { paths: Number(match[1]), ...(unit !== undefined && { bytes: Math.round(Number(match[2]) * unit) }) };
}
