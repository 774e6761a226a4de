/** Graphs, roots and policies for tests of the retention plan. */
import fc from "fast-check";
import type { Graph, Plan, RetentionPolicy, Root } from "../../nix/cachectl/retain/plan.ts";

export const day = 86_400;
export const now = 1_000 * day;
export const policy: RetentionPolicy = { budgetBytes: 1_000, keepSystems: 2, keepPackages: 2, keepDays: 30 };

/** A graph from bytes and references by path. */
export function graphOf(paths: Record<string, [bytes: number, ...references: string[]]>): Graph {
  return new Map(Object.entries(paths).map(([path, [bytes, ...references]]) => [path, { bytes, references }]));
}

/** A root of some age. */
export function root(
  name: string,
  kind: Root["kind"],
  path: string,
  ageDays: number,
  group = "g",
  untilDays?: number,
): Root {
  return {
    name,
    kind,
    path,
    group,
    time: now - ageDays * day,
    ...(untilDays !== undefined && { until: now + untilDays * day }),
  };
}

/** The names of the roots in a list of verdicts. */
export const names = (verdicts: Plan["keep"]): string[] => verdicts.map((verdict) => verdict.root.name);
/** Graphs without cycles: a path refers to earlier ones, and sometimes to itself. */
export const generated = fc.integer({ min: 1, max: 40 }).chain((count) =>
  fc.record({
    graph: fc
      .array(fc.record({ bytes: fc.nat(500), refs: fc.array(fc.nat(count - 1), { maxLength: 4 }) }), {
        minLength: count,
        maxLength: count,
      })
      .map(
        (objects): Graph =>
          new Map(
            objects.map(({ bytes, refs }, index) => [
              `p${index}`,
              { bytes, references: refs.filter((ref) => ref <= index).map((ref) => `p${ref}`) },
            ]),
          ),
      ),
    roots: fc
      .array(
        fc.record({
          kind: fc.constantFrom<Root["kind"][]>("foreign", "incoming", "pin", "system", "package"),
          path: fc.nat(count - 1).map((index) => `p${index}`),
          group: fc.constantFrom("x", "y", "z"),
          time: fc.integer({ min: now - 100 * day, max: now }),
          until: fc.option(fc.integer({ min: now - day, max: now + day }), { nil: undefined }),
        }),
        { maxLength: 40 },
      )
      .map((roots): Root[] =>
        roots.map(({ until, ...rest }, index) => ({
          ...rest,
          name: `r${index}`,
          ...(until !== undefined && { until }),
        })),
      ),
    policy: fc.record({
      budgetBytes: fc.nat(20_000),
      keepSystems: fc.integer({ min: 1, max: 4 }),
      keepPackages: fc.integer({ min: 1, max: 4 }),
      keepDays: fc.integer({ min: 1, max: 60 }),
    }),
  }),
);

/** All that must be there when these paths are: by a walk written apart from the program's. */
export function closure(graph: Graph, roots: readonly string[]): Set<string> {
  const found = new Set<string>();
  const open = [...roots];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    open.push(...(graph.get(next)?.references ?? []));
  }
  return found;
}

/** Bytes of paths together. */
export const bytesOf = (graph: Graph, paths: Iterable<string>): number =>
  [...paths].reduce((total, path) => total + (graph.get(path)?.bytes ?? 0), 0);
