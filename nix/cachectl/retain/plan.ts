/** Decides what is kept: pure, deterministic, one pass over the store's graph. */

/** A store path and what it takes to keep it. */
export interface StoreObject {
  /** Uncompressed bytes, as the store holds them. */
  readonly bytes: number;
  /** Store paths that must be there when this one is; itself may be among them. */
  readonly references: readonly string[];
}

/** The store's graph, by store path. References to paths that are not there are passed over. */
export type Graph = ReadonlyMap<string, StoreObject>;

/**
 * Why a root is there:
 * `foreign` somebody else's root (a profile, a running system); `incoming` announced, on its way; `pin` named by the user;
 * `system` a machine's configuration; `package` everything else that was built.
 */
export type RootKind = "foreign" | "incoming" | "pin" | "system" | "package";

/** One root of the garbage collector. */
export interface Root {
  /** What the root is called, unique: its file for ours, the store's own word for a foreign one. */
  readonly name: string;
  readonly kind: RootKind;
  /** The store path that it keeps. */
  readonly path: string;
  /** Who is counted: the machine of a system, builder and package name of a package. Empty otherwise. */
  readonly group: string;
  /** When it was committed, seconds since 1970. */
  readonly time: number;
  /** Pins: kept until then, seconds since 1970; absent: for ever. */
  readonly until?: number;
}

/** The policy, with sizes in bytes. */
export interface RetentionPolicy {
  readonly budgetBytes: number;
  readonly keepSystems: number;
  readonly keepPackages: number;
  readonly keepDays: number;
}

/** A root and why it stays, or why it goes. */
export interface Verdict {
  readonly root: Root;
  readonly reason: string;
  /** Bytes that it alone adds to what was decided before it: what evicting it frees. 0 for what is kept at no cost. */
  readonly bytes: number;
}

/** What is to happen. `overBudget` is set when protected things alone are too much: then nothing may be evicted. */
export interface Plan {
  readonly keep: readonly Verdict[];
  readonly evict: readonly Verdict[];
  /** Bytes of the closures that stay; of the protected ones alone when `overBudget`. */
  readonly keptBytes: number;
  readonly overBudget: boolean;
}

const protectedReasons: Readonly<Partial<Record<RootKind, string>>> = {
  foreign: "this machine's own",
  incoming: "on its way",
  pin: "pinned",
};

/**
 * Makes the plan. Protected roots come first; then the rest, newest first, as long as its closure fits. Taking a
 * closure as a whole is what keeps every served path's closure complete.
 *
 * The order is total (time, then name), so that the same input gives the same plan.
 */
export function planRetention(graph: Graph, roots: readonly Root[], policy: RetentionPolicy, now: number): Plan {
  const kept = new ClosureSet(graph);
  const { guarded, ordinary, expired } = sortOut(roots, policy, now);
  const keep: Verdict[] = guarded.map(([root, reason]) => ({ root, reason, bytes: kept.add(root.path) }));
  if (kept.bytes > policy.budgetBytes) {
    // Evicting the rest would not help, and would take from the readers what there is.
    const others = [...ordinary, ...expired].map(([root, reason]) => ({ root, reason, bytes: 0 }));
    return { keep: [...keep, ...others], evict: [], keptBytes: kept.bytes, overBudget: true };
  }
  const evict: Verdict[] = [];
  let full = false;
  for (const [root, reason] of ordinary) {
    const cost = full ? Infinity : kept.cost(root.path);
    // What a kept closure holds anyway costs nothing, however old it is.
    if (kept.has(root.path) || kept.bytes + cost <= policy.budgetBytes) {
      keep.push({ root, reason, bytes: kept.add(root.path) });
    } else {
      full = true;
      evict.push({ root, reason: "over the disk budget, and older than what stays", bytes: 0 });
    }
  }
  const dropped = [...expired.map(([root, reason]) => ({ root, reason, bytes: 0 })), ...evict];
  return { keep, evict: withFreedBytes(graph, kept, dropped), keptBytes: kept.bytes, overBudget: false };
}

/** What evicting each frees, counted once: the first in the list that holds a path is charged with it. */
function withFreedBytes(graph: Graph, kept: ClosureSet, dropped: readonly Verdict[]): Verdict[] {
  const all = new ClosureSet(graph, kept);
  return dropped.map((verdict) => ({ ...verdict, bytes: all.add(verdict.root.path) }));
}

type Reasoned = readonly [Root, string];

interface Sorted {
  /** Never evicted. */
  readonly guarded: readonly Reasoned[];
  /** Kept while there is room, newest first. */
  readonly ordinary: readonly Reasoned[];
  /** Not kept, whatever room there is. */
  readonly expired: readonly Reasoned[];
}

function sortOut(roots: readonly Root[], policy: RetentionPolicy, now: number): Sorted {
  const guarded: Reasoned[] = [];
  const ordinary: Reasoned[] = [];
  const expired: Reasoned[] = [];
  const seen = new Map<string, Set<string>>();
  for (const root of [...roots].sort(newestFirst)) {
    const reason = protectedReasons[root.kind];
    if (root.kind === "pin" && root.until !== undefined && root.until <= now) expired.push([root, "its pin has ended"]);
    else if (reason !== undefined) guarded.push([root, reason]);
    else place(root, rankIn(seen, root), policy, now, { guarded, ordinary, expired });
  }
  return { guarded, ordinary, expired };
}

function newestFirst(a: Root, b: Root): number {
  return b.time - a.time || (a.name < b.name ? -1 : 1);
}

/** How many other paths of its group are newer. The same path under two roots counts once. */
function rankIn(seen: Map<string, Set<string>>, root: Root): number {
  const key = `${root.kind}\0${root.group}`;
  const paths = seen.get(key) ?? new Set();
  seen.set(key, paths);
  const rank = paths.has(root.path) ? paths.size - 1 : paths.size;
  paths.add(root.path);
  return rank;
}

/** A machine's newest system is what it runs or will run next: nothing but its successor makes it evictable. */
function place(
  root: Root,
  rank: number,
  policy: RetentionPolicy,
  now: number,
  into: { guarded: Reasoned[]; ordinary: Reasoned[]; expired: Reasoned[] },
): void {
  const limit = root.kind === "system" ? policy.keepSystems : policy.keepPackages;
  const ageDays = (now - root.time) / 86_400;
  if (root.kind === "system" && rank === 0) into.guarded.push([root, `${root.group}'s newest system`]);
  else if (rank < limit) into.ordinary.push([root, `number ${rank + 1} of the last ${limit} of ${root.group}`]);
  else if (ageDays <= policy.keepDays) into.ordinary.push([root, `younger than ${policy.keepDays} days`]);
  else into.expired.push([root, `beyond the last ${limit} of ${root.group}, and older than ${policy.keepDays} days`]);
}

/** A set of store paths that holds, with each path, its closure. */
class ClosureSet {
  readonly #graph: Graph;
  readonly #below: ClosureSet | undefined;
  readonly #paths = new Set<string>();
  bytes = 0;

  /** @param below paths that count as there already, without being counted here */
  constructor(graph: Graph, below?: ClosureSet) {
    this.#graph = graph;
    this.#below = below;
  }

  has(path: string): boolean {
    return this.#paths.has(path) || (this.#below?.has(path) ?? false);
  }

  /** Bytes that adding this path's closure would add. */
  cost(path: string): number {
    return sum(this.#missing(path));
  }

  /** Adds this path's closure; tells the bytes that it added. */
  add(path: string): number {
    const missing = this.#missing(path);
    for (const added of missing.keys()) this.#paths.add(added);
    const bytes = sum(missing);
    this.bytes += bytes;
    return bytes;
  }

  /** What of the closure is not there yet. A path that is there has its closure there, so the walk ends at it. */
  #missing(path: string): Map<string, number> {
    const found = new Map<string, number>();
    const open = [path];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const object = found.has(next) || this.has(next) ? undefined : this.#graph.get(next);
      if (object === undefined) continue;
      found.set(next, object.bytes);
      open.push(...object.references);
    }
    return found;
  }
}

function sum(found: ReadonlyMap<string, number>): number {
  let total = 0;
  for (const bytes of found.values()) total += bytes;
  return total;
}
