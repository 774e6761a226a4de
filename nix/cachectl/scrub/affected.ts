import type { Graph } from "../retain/plan.ts";
import { referrersOf } from "../retain/referrers.ts";

/** A path and all that needs it, directly or not, each before what it refers to: the order in which Nix deletes. */
export function affectedBy(path: string, graph: Graph): string[] {
  const referrers = referrersOf(graph);
  // Depth first, a path after all that refer to it; by hand, for chains can be longer than a stack is deep.
  const order: string[] = [];
  const seen = new Set([path]);
  const open = [{ path, left: [...(referrers.get(path) ?? [])] }];
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const next = top.left.pop();
    if (next === undefined) {
      order.push(top.path);
      open.pop();
    } else if (!seen.has(next)) {
      seen.add(next);
      open.push({ path: next, left: [...(referrers.get(next) ?? [])] });
    }
  }
  return order;
}
