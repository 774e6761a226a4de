/** Decides what is kept: pure, deterministic, one pass over the store's graph. */
import { ClosureSet } from "./closure-set.ts";
import { sortOut } from "./ranks.ts";

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
  /** Who is counted: the machine of a system, builder and package name of a package. Foreign: what it is, for people. */
  readonly group: string;
  /** When it was committed, seconds since 1970. */
  readonly time: number;
  /** Pins and what is announced: protected until then, seconds since 1970; absent: for ever. */
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
  /** Whether it stays whatever the budget is. */
  readonly guarded: boolean;
  /** Bytes that it alone adds to what was decided before it: what evicting it frees. 0 for what is kept at no cost. */
  readonly bytes: number;
}

/** What is to happen. `overBudget` is set when protected things alone are too much: then nothing may be evicted. */
export interface Plan {
  readonly keep: readonly Verdict[];
  readonly evict: readonly Verdict[];
  /** What would go if nobody were reading it: it goes with a later run, and takes room beyond the budget until then. */
  readonly deferred: readonly Verdict[];
  /** Bytes of the closures in `keep`; of the protected ones alone when `overBudget`. */
  readonly keptBytes: number;
  readonly overBudget: boolean;
}

/** Paths that may be looked at for closures that then do not fit, as a multiple of the graph: a bound on the time. */
const vainWalks = 20;

/**
 * Makes the plan. Protected roots come first; then what is current, then the rest, newest first (ranks.ts), each whose
 * closure still fits. Taking a closure as a whole is what keeps every served path's closure complete. One that does not
 * fit beside what comes before it goes; what comes after and is smaller may still stay: evicting it would make no room.
 *
 * The order is total (time, then name), so that the same input gives the same plan.
 *
 * @param beingRead store paths that somebody is fetching: whatever root holds them is not evicted now
 */
export function planRetention(
  graph: Graph,
  roots: readonly Root[],
  policy: RetentionPolicy,
  now: number,
  beingRead: ReadonlySet<string> = new Set(),
): Plan {
  const kept = new ClosureSet(graph);
  const { guarded, ordinary, expired } = sortOut(graph, roots, policy, now);
  const keep: Verdict[] = guarded.map(([root, reason]) => ({
    root,
    reason,
    guarded: true,
    bytes: kept.add(root.path),
  }));
  if (kept.bytes > policy.budgetBytes) {
    // Evicting the rest would not help, and would take from the readers what there is.
    const others = [...ordinary, ...expired].map(([root, reason]) => ({ root, reason, guarded: false, bytes: 0 }));
    return { keep: [...keep, ...others], evict: [], deferred: [], keptBytes: kept.bytes, overBudget: true };
  }
  const evict: Verdict[] = expired.map(([root, reason]) => ({ root, reason, guarded: false, bytes: 0 }));
  for (const [root, reason] of ordinary) {
    const room = kept.visited > vainWalks * graph.size ? 0 : policy.budgetBytes - kept.bytes;
    // What a kept closure holds anyway adds nothing, however old it is.
    const bytes = kept.addWithin(root.path, room);
    if (bytes !== undefined) keep.push({ root, reason, guarded: false, bytes });
    else
      evict.push({
        root,
        reason: `over the disk budget, beside what is worth more (it was ${reason})`,
        guarded: false,
        bytes: 0,
      });
  }
  return { keep, ...settle(graph, kept, evict, beingRead), keptBytes: kept.bytes, overBudget: false };
}

/**
 * Parts what goes from what goes later, and says what each takes, counted once: the first in the list that holds a path
 * is charged with it.
 */
function settle(
  graph: Graph,
  kept: ClosureSet,
  dropped: readonly Verdict[],
  beingRead: ReadonlySet<string>,
): Pick<Plan, "evict" | "deferred"> {
  const held = new ClosureSet(graph, kept);
  const isRead = ({ root }: Verdict): boolean =>
    beingRead.size > 0 && held.missing(root.path).some((path) => beingRead.has(path));
  const [deferred, going] = [[] as Verdict[], [] as Verdict[]];
  for (const verdict of dropped) {
    if (isRead(verdict)) deferred.push({ ...verdict, bytes: held.add(verdict.root.path) });
    else going.push(verdict);
  }
  // What a deferred closure holds is not freed, whichever of the two came first in the list.
  const all = new ClosureSet(graph, held);
  return { deferred, evict: going.map((verdict) => ({ ...verdict, bytes: all.add(verdict.root.path) })) };
}
