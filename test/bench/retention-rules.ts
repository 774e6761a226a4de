/** Ways to decide what a cache keeps, played over a year. */
import { planRetention, type Graph, type RetentionPolicy, type Root } from "../../nix/cachectl/retain/plan.ts";
import { days, type Event, type Year } from "./retention-year.ts";

const day = 86_400;

/** A store and the rule by which it forgets. */
interface Rule {
  upload(event: Extract<Event, { kind: "upload" }>, closure: readonly string[]): void;
  request(event: Extract<Event, { kind: "request" }>, closure: readonly string[]): void;
  /** Once a week, as the timers are. */
  clean(now: number): void;
  readonly present: { has(path: string): boolean; keys(): Iterable<string> };
}

/** How a rule did. */
export interface Played {
  readonly name: string;
  /** Bytes after each day. */
  readonly bytes: readonly number[];
  /** Requests for what was uploaded at least a day before, and how many of them found the whole closure. */
  readonly later: { readonly asked: number; readonly answered: number };
  /** The same by why they were made. */
  readonly byReason: ReadonlyMap<string, { readonly asked: number; readonly answered: number }>;
}

/** Plays a year. What is not there is built or fetched by whoever asked, and is not put back: nobody uploads it anew. */
export function play(name: string, year: Year, rule: Rule): Played {
  const closures = new Map<string, readonly string[]>();
  const closureOf = (path: string): readonly string[] => {
    const known = closures.get(path) ?? closure(year.graph, path);
    closures.set(path, known);
    return known;
  };
  const bytes: number[] = [];
  const byReason = new Map<string, { asked: number; answered: number }>();
  const endDay = (today: number): void => {
    if (today % 7 === 6) rule.clean(year.begin + (today + 1) * day);
    bytes.push([...rule.present.keys()].reduce((sum, path) => sum + (year.graph.get(path)?.bytes ?? 0), 0));
  };
  let today = 0;
  for (const event of year.events) {
    for (; today < Math.floor((event.time - year.begin) / day); today += 1) endDay(today);
    const paths = closureOf(event.kind === "upload" ? event.root.path : event.path);
    if (event.kind === "upload") rule.upload(event, paths);
    else {
      if (event.time - event.uploaded >= day) {
        const counts = byReason.get(event.why) ?? { asked: 0, answered: 0 };
        byReason.set(event.why, counts);
        counts.asked += 1;
        if (paths.every((path) => rule.present.has(path))) counts.answered += 1;
      }
      rule.request(event, paths);
    }
  }
  for (; today < days; today += 1) endDay(today);
  const sums = [...byReason.values()];
  const sum = (key: "asked" | "answered"): number => sums.reduce((total, counts) => total + counts[key], 0);
  return { name, bytes, later: { asked: sum("asked"), answered: sum("answered") }, byReason };
}

/** This project's plan. */
export function byPlan(graph: Graph, policy: RetentionPolicy): Rule {
  const present = new Set<string>();
  let roots = new Map<string, Root>();
  return {
    present,
    upload({ root, time }, paths) {
      roots.set(root.name, { ...root, time });
      for (const path of paths) present.add(path);
    },
    request: () => undefined,
    clean(now) {
      const there = new Map([...present].map((path) => [path, graph.get(path) ?? { bytes: 0, references: [] }]));
      const plan = planRetention(there, [...roots.values()], policy, now);
      if (plan.overBudget) return;
      roots = new Map(plan.keep.map(({ root }) => [root.name, root]));
      const kept = new Set([...roots.values()].flatMap(({ path }) => closure(graph, path)));
      for (const path of present) if (!kept.has(path)) present.delete(path);
    },
  };
}

/** The proposal as it was meant: whatever came 30 days ago or more goes. */
export function byAge(maxDays: number): Rule {
  const times = new Map<string, number>();
  return {
    present: times,
    upload: ({ time }, paths) => paths.forEach((path) => times.has(path) || times.set(path, time)),
    request: () => undefined,
    clean(now) {
      for (const [path, time] of times) if (now - time > maxDays * day) times.delete(path);
    },
  };
}

/** The proposal as it is written: the weekly collection takes everything, for nothing has a root. */
export function withoutRoots(): Rule {
  const present = new Set<string>();
  return {
    present,
    upload: (_event, paths) => paths.forEach((path) => present.add(path)),
    request: () => undefined,
    clean: () => present.clear(),
  };
}

/** Each path by when it was last written or read; the longest unused go until the rest fits. */
export function leastRecentlyUsed(graph: Graph, budgetBytes: number): Rule {
  const used = new Map<string, number>();
  const touch = (path: string, time: number): void => {
    used.delete(path);
    used.set(path, time);
  };
  return {
    present: used,
    upload: ({ time }, paths) => paths.forEach((path) => touch(path, time)),
    request: ({ time }, paths) => paths.forEach((path) => used.has(path) && touch(path, time)),
    clean() {
      let bytes = [...used.keys()].reduce((sum, path) => sum + (graph.get(path)?.bytes ?? 0), 0);
      for (const path of used.keys()) {
        if (bytes <= budgetBytes) break;
        bytes -= graph.get(path)?.bytes ?? 0;
        used.delete(path);
      }
    },
  };
}

function closure(graph: Graph, root: string): string[] {
  const found = new Set([root]);
  // A set takes what is added while it is gone through.
  for (const path of found) for (const reference of graph.get(path)?.references ?? []) found.add(reference);
  return [...found];
}
