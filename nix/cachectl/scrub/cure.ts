/** What is done about a corrupt path: out of service at once, then repaired; in the end, taken out. */
import { deletePaths, type DeletePaths } from "../revoke/take-out.ts";
import { evictRoots } from "../retain/evict.ts";
import type { Graph, Root } from "../retain/plan.ts";
import { affectedBy } from "./affected.ts";
import type { Hashed } from "./hash-path.ts";
import { dropNginxCopies } from "./nginx-copies.ts";
import type { Finding } from "./record.ts";
import type { Recorded } from "./valid-paths.ts";
import { release, withhold } from "./withheld.ts";

/** What a cure needs of the machine. */
export interface CureTools {
  readonly stateDirectory: string;
  readonly rootsDirectory: string;
  readonly nginxCache: string;
  /** The store's graph, of references alone. */
  readGraph(): Promise<Graph>;
  /** Our own roots. */
  readRoots(): readonly Root[];
  /** The derivation that a path was built from, where it is known. */
  deriverOf(path: string): Promise<string | undefined>;
  /** Fetches a path anew, or builds a derivation's outputs anew, whatever lies there; undefined when that was done, else why not. */
  renew(pathOrDerivation: string): Promise<string | undefined>;
  /** What is recorded of a path now. */
  recordOf(path: string): Promise<Recorded | undefined>;
  hash(path: string): Promise<Hashed>;
  readonly remove: DeletePaths;
  readonly stop: AbortSignal;
}

/**
 * Withholds the path and all that needs it, then has Nix fetch it anew, or else build it anew, and checks that. What can't
 * be repaired stays withheld until the next run; if that can't either (`again`), it is deleted with all that needs it, so
 * that builders can upload it once more. Not at the first failure: an hour without a network must not cost a cache.
 * What pins or others' roots hold stays, withheld.
 */
export async function cure(path: Recorded, problem: string, again: boolean, tools: CureTools): Promise<Finding> {
  const affected = affectedBy(path.path, await tools.readGraph());
  withhold(tools.stateDirectory, path.path, affected);
  dropNginxCopies(tools.nginxCache, path.path, path.narHash);
  const found = { path: path.path, time: new Date().toISOString(), problem };
  const repair = await repaired(path.path, tools);
  tools.stop.throwIfAborted();
  if (repair.done) {
    // nginx may have fetched it once more in between.
    dropNginxCopies(tools.nginxCache, path.path, path.narHash);
    release(tools.stateDirectory, path.path);
    return { ...found, outcome: "repaired", detail: repair.detail, others: [] };
  }
  const others = affected.filter((other) => other !== path.path);
  if (!again) return { ...found, outcome: "withheld", detail: repair.detail, others };
  return { ...found, ...(await takenOut(path.path, affected, repair.detail, tools)) };
}

async function repaired(path: string, tools: CureTools): Promise<{ readonly done: boolean; readonly detail: string }> {
  const refused = await tools.renew(path);
  if (refused === undefined && (await isRight(path, tools))) return { done: true, detail: "fetched anew" };
  const deriver = await tools.deriverOf(path);
  if (deriver === undefined) return { done: false, detail: `not fetched: ${refused ?? "what came is corrupt too"}` };
  const unbuilt = await tools.renew(deriver);
  if (unbuilt === undefined && (await isRight(path, tools))) return { done: true, detail: "built anew" };
  return { done: false, detail: `not fetched: ${refused ?? "corrupt"}; not built: ${unbuilt ?? "corrupt"}` };
}

/** A path that was built anew may have other bytes, and is recorded with those. */
async function isRight(path: string, tools: CureTools): Promise<boolean> {
  const recorded = await tools.recordOf(path);
  if (recorded === undefined) return false;
  const hashed = await tools.hash(path);
  return "narHash" in hashed && hashed.narHash === recorded.narHash;
}

async function takenOut(
  path: string,
  affected: readonly string[],
  why: string,
  tools: CureTools,
): Promise<Pick<Finding, "outcome" | "detail" | "others">> {
  const doomed = new Set(affected);
  const roots = tools.readRoots().filter((root) => root.kind !== "pin" && doomed.has(root.path));
  evictRoots(roots, tools.rootsDirectory);
  const kept = await deletePaths(affected, tools.remove);
  const others = affected.filter((other) => other !== path);
  const stays = kept.find((item) => item.path === path);
  if (stays === undefined) {
    release(tools.stateDirectory, path);
    return { outcome: "taken-out", detail: why, others };
  }
  const first = kept[0]?.reason.trim().split("\n").at(-1) ?? "";
  return { outcome: "withheld", detail: `${why}; not deleted either: ${first.slice(0, 300)}`, others };
}
