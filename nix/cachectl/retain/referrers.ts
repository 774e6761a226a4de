import type { Graph } from "./plan.ts";

/** The graph the other way round: by path, those that refer to it, itself left out. A path without any has no entry. */
export function referrersOf(graph: Graph): ReadonlyMap<string, readonly string[]> {
  const referrers = new Map<string, string[]>();
  for (const [from, { references }] of graph) {
    for (const to of references) {
      if (to === from) continue;
      const known = referrers.get(to);
      if (known === undefined) referrers.set(to, [from]);
      else known.push(from);
    }
  }
  return referrers;
}
