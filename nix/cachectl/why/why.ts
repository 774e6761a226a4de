/** What keeps a path, and until when: pure. */
import type { Graph, Plan, RetentionPolicy, Root, Verdict } from "../retain/plan.ts";
import { referrersOf } from "../retain/referrers.ts";

/** One root that holds the path. */
export interface Holder {
  readonly root: Root;
  /** Whether the next run of retain would keep it. */
  readonly stays: boolean;
  readonly reason: string;
  /** How it comes to hold the path: from the root's own path to the path, by reference; one way of possibly many. */
  readonly chain: readonly string[];
  /** When it goes, in words. */
  readonly goes: string;
}

/** Why a path is there. */
export interface Reasons {
  readonly path: string;
  /** Whether the path is valid at all. */
  readonly known: boolean;
  /** Those that stay come first, the newest before older ones. */
  readonly holders: readonly Holder[];
}

const secondsOfDay = 86_400;

/** Finds every root whose closure has the path in it, and says of each what the plan says. */
export function reasonsFor(path: string, graph: Graph, plan: Plan, policy: RetentionPolicy): Reasons {
  const next = stepsTo(path, graph);
  const holders = [
    ...plan.keep.map((verdict) => ({ verdict, stays: true })),
    ...plan.deferred.map((verdict) => ({ verdict, stays: true })),
    ...plan.evict.map((verdict) => ({ verdict, stays: false })),
  ]
    .filter(({ verdict }) => next.has(verdict.root.path) || verdict.root.path === path)
    .map(({ verdict, stays }) => holder(verdict, stays, plan.deferred.includes(verdict), next, path, policy));
  return { path, known: graph.has(path), holders: holders.sort(stayingFirst) };
}

/** Every path from which `path` can be reached, with the next one on a shortest way there. */
function stepsTo(path: string, graph: Graph): ReadonlyMap<string, string> {
  const referrers = referrersOf(graph);
  const next = new Map<string, string>();
  let level = [path];
  while (level.length > 0) {
    const further: string[] = [];
    for (const to of level) {
      for (const from of referrers.get(to) ?? []) {
        if (from === path || next.has(from)) continue;
        next.set(from, to);
        further.push(from);
      }
    }
    level = further;
  }
  return next;
}

function holder(
  verdict: Verdict,
  stays: boolean,
  deferred: boolean,
  next: ReadonlyMap<string, string>,
  path: string,
  policy: RetentionPolicy,
): Holder {
  const { root, reason } = verdict;
  const chain = [root.path];
  for (let at = root.path; at !== path; chain.push(at)) at = next.get(at) ?? path;
  const goes = deferred
    ? "once nobody has read it for an hour"
    : stays
      ? whenItGoes(verdict, policy)
      : "with the next run of retain";
  return { root, stays, reason, chain, goes };
}

function whenItGoes({ root, guarded }: Verdict, { keepDays, keepPackages, keepSystems }: RetentionPolicy): string {
  if (root.kind === "foreign") return "when whoever made the root removes it";
  if (root.kind === "pin" && root.until === undefined) return `when it is unpinned (cachectl unpin ${root.group})`;
  if (root.until !== undefined) return `after ${day(root.until - 1)}`;
  const count = root.kind === "system" ? keepSystems : keepPackages;
  const age = `after ${day(root.time + keepDays * secondsOfDay)}, once there are ${count} newer ones of ${root.group}`;
  return guarded ? age : `${age}; sooner if the disk budget asks for it`;
}

function day(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 10);
}

function stayingFirst(a: Holder, b: Holder): number {
  return Number(b.stays) - Number(a.stays) || b.root.time - a.root.time || (a.root.name < b.root.name ? -1 : 1);
}
