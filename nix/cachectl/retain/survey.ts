import { planRetention, type Graph, type Plan, type Root, type Verdict } from "./plan.ts";
import type { RetentionSettings } from "./policy.ts";
import type { PlanSummary } from "./record.ts";

/** Where the state of the store is read from. */
export interface SurveySources {
  readonly settings: RetentionSettings;
  /** All roots, ours and foreign. Read before the graph, so that whatever they name is in it. */
  readRoots(): Promise<readonly Root[]>;
  readGraph(): Promise<Graph>;
  /** Hashes of paths that somebody is fetching, as they stand in requests; undefined where nginx keeps no log. */
  beingRead(): ReadonlySet<string> | undefined;
  /** Free bytes on the store's disk. */
  freeBytes(): number;
  /** Seconds since 1970. */
  now(): number;
}

/** The store as it is, and what the policy makes of it. */
export interface Survey {
  readonly graph: Graph;
  readonly roots: readonly Root[];
  readonly plan: Plan;
  readonly summary: PlanSummary;
  /** Valid paths that somebody is fetching. */
  readonly beingRead: ReadonlySet<string>;
  /** What the plan was made by. */
  readonly policy: RetentionSettings;
  readonly now: number;
}

const largest = 10;
const hashLength = 32;

/**
 * Reads roots and graph and makes the plan; changes nothing. Where the disk is short of `minFreeBytes`, the budget is
 * lowered by what is missing. Throws an Error when what was read can't be the whole store: an empty graph would
 * make every root look like one whose path is gone.
 */
export async function survey(sources: SurveySources): Promise<Survey> {
  const { settings } = sources;
  const roots = await sources.readRoots();
  const graph = await sources.readGraph();
  const foreign = roots.filter(({ kind }) => kind === "foreign");
  if (graph.size === 0 ? roots.length > 0 : foreign.length > 0 && foreign.every(({ path }) => !graph.has(path))) {
    throw new Error(`the store's graph has ${graph.size} paths and none of those that Nix itself has roots for`);
  }
  const freeBytes = sources.freeBytes();
  const storeBytes = bytesIn(graph);
  const missing = Math.max(0, settings.minFreeBytes - freeBytes);
  const allowed = missing === 0 ? Infinity : Math.max(0, storeBytes - missing);
  const effectiveBudgetBytes = Math.min(settings.budgetBytes, allowed);
  const policy = { ...settings, budgetBytes: effectiveBudgetBytes };
  const { budgetBytes, minFreeBytes } = settings;
  const sizes = { budgetBytes, effectiveBudgetBytes, minFreeBytes, freeBytes, storeBytes };
  const hashes = sources.beingRead() ?? new Set<string>();
  return planned({ graph, roots, policy, now: sources.now() }, sizes, pathsWith(hashes, graph));
}

/** The same survey after a second look at who reads: what was read at the first stays so. */
export function replan(found: Survey, hashes: ReadonlySet<string> | undefined): Survey {
  const beingRead = new Set([...found.beingRead, ...pathsWith(hashes ?? new Set(), found.graph)]);
  return planned(found, found.summary, beingRead);
}

type Sizes = Pick<PlanSummary, "budgetBytes" | "effectiveBudgetBytes" | "minFreeBytes" | "freeBytes" | "storeBytes">;

function planned(
  { graph, roots, policy, now }: Pick<Survey, "graph" | "roots" | "policy" | "now">,
  sizes: Sizes,
  beingRead: ReadonlySet<string>,
): Survey {
  const plan = planRetention(graph, roots, policy, now, beingRead);
  const summary = { ...sizes, ...summarise(graph, plan, roots, sizes.storeBytes) };
  return { graph, roots, plan, summary, beingRead, policy, now };
}

function pathsWith(hashes: ReadonlySet<string>, graph: Graph): Set<string> {
  const start = "/nix/store/".length;
  const paths = hashes.size === 0 ? [] : [...graph.keys()];
  return new Set(paths.filter((path) => hashes.has(path.slice(start, start + hashLength))));
}

function summarise(
  graph: Graph,
  plan: Plan,
  roots: readonly Root[],
  storeBytes: number,
): Pick<PlanSummary, "keptBytes" | "kept" | "evicted" | "evictedBytes" | "deferred" | "unrooted" | "holders"> {
  const rooted = rootedIn(graph, roots);
  return {
    keptBytes: plan.keptBytes,
    kept: plan.keep.length,
    evicted: plan.evict.length,
    deferred: plan.deferred.length,
    evictedBytes: plan.evict.reduce((sum, { bytes }) => sum + bytes, 0),
    unrooted: { paths: graph.size - rooted.paths, bytes: storeBytes - rooted.bytes },
    holders: groupsOf(plan.keep).slice(0, largest),
  };
}

/** Verdicts by who they count for, the most bytes first; those of one kind that differ only in their reason together. */
export function groupsOf(verdicts: readonly Verdict[]): PlanSummary["holders"] {
  const groups = new Map<string, { group: string; bytes: number; roots: number }>();
  for (const { root, bytes } of verdicts) {
    const group = groupName(root);
    const sums = groups.get(group) ?? { group, bytes: 0, roots: 0 };
    groups.set(group, { group, bytes: sums.bytes + bytes, roots: sums.roots + 1 });
  }
  return [...groups.values()].sort((a, b) => b.bytes - a.bytes || (a.group < b.group ? -1 : 1));
}

function groupName({ kind, group }: Root): string {
  if (kind === "system") return `systems of ${group}`;
  if (kind === "pin") return `pinned as ${group}`;
  if (kind === "incoming") return `on its way from ${group}`;
  return group;
}

function rootedIn(graph: Graph, roots: readonly Root[]): { paths: number; bytes: number } {
  const found = new Set<string>();
  const open = roots.map(({ path }) => path);
  let bytes = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const object = found.has(next) ? undefined : graph.get(next);
    if (object === undefined) continue;
    found.add(next);
    bytes += object.bytes;
    for (const reference of object.references) open.push(reference);
  }
  return { paths: found.size, bytes };
}

function bytesIn(graph: Graph): number {
  let bytes = 0;
  for (const object of graph.values()) bytes += object.bytes;
  return bytes;
}
