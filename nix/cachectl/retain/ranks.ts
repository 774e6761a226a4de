import type { Graph, RetentionPolicy, Root, RootKind } from "./plan.ts";

/** A root and why it stays, or why it goes. */
export type Reasoned = readonly [root: Root, reason: string];

/** Roots by what the policy says of each alone, before the budget is looked at. */
export interface Sorted {
  /** Never evicted. */
  readonly guarded: readonly Reasoned[];
  /** Kept while there is room, what is worth most first: see `byWorth`. */
  readonly ordinary: readonly Reasoned[];
  /** Not kept, whatever room there is. */
  readonly expired: readonly Reasoned[];
}

const guardedReasons: Readonly<Partial<Record<RootKind, (root: Root) => string>>> = {
  foreign: ({ group }) => (group === "" ? "this machine's own" : group),
  incoming: () => "on its way",
  pin: ({ until }) => (until === undefined ? "pinned" : `pinned until ${dateOf(until)}`),
};

const endedReasons: Readonly<Partial<Record<RootKind, string>>> = {
  incoming: "announced long ago and never committed",
  pin: "its pin has ended",
};

const secondsOfDay = 86_400;

/** The day of a time in seconds since 1970, in UTC, as YYYY-MM-DD: the last that a pin still holds on. */
export function dateOf(seconds: number): string {
  return new Date((seconds - 1) * 1000).toISOString().slice(0, 10);
}

/** Sorts roots by the policy; the order is total, so that it is the same for the same roots. */
export function sortOut(graph: Graph, roots: readonly Root[], policy: RetentionPolicy, now: number): Sorted {
  const guarded: Reasoned[] = [];
  const expired: Reasoned[] = [];
  const ordinary: Ranked[] = [];
  const seen = new Map<string, Map<string, number>>();
  for (const root of [...roots].sort(newestFirst)) {
    const reason = guardedReasons[root.kind];
    const ended = root.until !== undefined && root.until <= now ? endedReasons[root.kind] : undefined;
    if (ended !== undefined) expired.push([root, ended]);
    else if (reason !== undefined) guarded.push([root, reason(root)]);
    else if (!graph.has(root.path)) expired.push([root, "its path is no longer in the store"]);
    else place(root, rankIn(seen, root), policy, now, { guarded, ordinary, expired });
  }
  return { guarded, ordinary: ordinary.sort(byWorth).map(({ reasoned }) => reasoned), expired };
}

/** An ordinary root, and whether it is the newest of its group. */
interface Ranked {
  readonly reasoned: Reasoned;
  readonly current: boolean;
}

/**
 * What is current comes first, the newest of every group; then all the rest by age. So a project that changes seldom
 * keeps its one version, whatever others bring in meanwhile: in the year that the benchmark plays, going plainly by age
 * loses half of all later requests under a tight budget. Sorting is stable: within each part the newest come first.
 */
function byWorth(a: Ranked, b: Ranked): number {
  return Number(b.current) - Number(a.current);
}

function newestFirst(a: Root, b: Root): number {
  return b.time - a.time || (a.name < b.name ? -1 : 1);
}

/** How many other paths of its group are newer. The same path under two roots counts once. */
function rankIn(seen: Map<string, Map<string, number>>, { kind, group, path }: Root): number {
  const key = `${kind}\0${group}`;
  const ranks = seen.get(key) ?? new Map<string, number>();
  seen.set(key, ranks);
  const rank = ranks.get(path) ?? ranks.size;
  ranks.set(path, rank);
  return rank;
}

/** A machine's newest system is what it runs or will run next: nothing but its successor makes it evictable. */
function place(
  root: Root,
  rank: number,
  policy: RetentionPolicy,
  now: number,
  into: { readonly guarded: Reasoned[]; readonly ordinary: Ranked[]; readonly expired: Reasoned[] },
): void {
  const limit = root.kind === "system" ? policy.keepSystems : policy.keepPackages;
  const young = now - root.time <= policy.keepDays * secondsOfDay;
  const number = `number ${rank + 1} of the last ${limit} of ${root.group}`;
  const age = `younger than ${policy.keepDays} days`;
  if (root.kind === "system" && rank === 0) into.guarded.push([root, `${root.group}'s newest system`]);
  else if (rank < limit) into.ordinary.push({ reasoned: [root, number], current: rank === 0 });
  else if (young) into.ordinary.push({ reasoned: [root, age], current: false });
  else into.expired.push([root, `beyond the last ${limit} of ${root.group}, and older than ${policy.keepDays} days`]);
}
