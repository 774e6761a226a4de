import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, it } from "mocha";
import {
  planRetention,
  type Graph,
  type Plan,
  type RetentionPolicy,
  type Root,
} from "../../nix/cachectl/retain/plan.ts";

const day = 86_400;
const now = 1_000 * day;
const policy: RetentionPolicy = { budgetBytes: 1_000, keepSystems: 2, keepPackages: 2, keepDays: 30 };

function graphOf(paths: Record<string, [bytes: number, ...references: string[]]>): Graph {
  return new Map(Object.entries(paths).map(([path, [bytes, ...references]]) => [path, { bytes, references }]));
}

function root(name: string, kind: Root["kind"], path: string, ageDays: number, group = "g", untilDays?: number): Root {
  return {
    name,
    kind,
    path,
    group,
    time: now - ageDays * day,
    ...(untilDays !== undefined && { until: now + untilDays * day }),
  };
}

const names = (verdicts: Plan["keep"]): string[] => verdicts.map((verdict) => verdict.root.name);

describe("the retention plan", () => {
  it("keeps the last N of each group, and beyond them nothing that is older than the days", () => {
    const graph = graphOf({ a: [1], b: [1], c: [1], d: [1] });
    const roots = [
      root("a", "package", "a", 1),
      root("b", "package", "b", 2),
      root("c", "package", "c", 3),
      root("d", "package", "d", 40),
    ];
    const plan = planRetention(graph, roots, policy, now);
    assert.deepEqual(names(plan.keep), ["a", "b", "c"]);
    assert.deepEqual(names(plan.evict), ["d"]);
    assert.match(plan.evict[0]?.reason ?? "", /beyond the last 2 of g, and older than 30 days/);
  });

  it("evicts the oldest closures until what stays fits the budget, and says what that frees", () => {
    const graph = graphOf({ new: [600, "shared"], shared: [100], old: [500, "shared"], older: [50] });
    const roots = [
      root("new", "package", "new", 1, "x"),
      root("old", "package", "old", 2, "y"),
      root("older", "package", "older", 3, "z"),
    ];
    const plan = planRetention(graph, roots, policy, now);
    assert.deepEqual(names(plan.keep), ["new"]);
    assert.deepEqual(
      plan.evict.map(({ root: { name }, bytes }) => [name, bytes]),
      [
        ["old", 500],
        ["older", 50],
      ],
    );
    assert.equal(plan.keptBytes, 700);
  });

  it("keeps what a kept closure holds anyway, however old", () => {
    const graph = graphOf({ new: [900, "lib"], lib: [50], big: [500] });
    const roots = [
      root("new", "package", "new", 1, "x"),
      root("big", "package", "big", 2, "y"),
      root("lib", "package", "lib", 25, "z"),
    ];
    assert.deepEqual(names(planRetention(graph, roots, policy, now).keep), ["new", "lib"]);
  });

  it("never evicts a machine's newest system, an upload on its way, a pin or somebody else's root", () => {
    const graph = graphOf({ s1: [300], s2: [300], f: [300], p: [90], i: [10] });
    const roots = [
      root("s1", "system", "s1", 400, "desktop"),
      root("s2", "system", "s2", 500, "desktop"),
      root("f", "foreign", "f", 900),
      root("p", "pin", "p", 900),
      root("i", "incoming", "i", 900),
    ];
    const plan = planRetention(graph, roots, { ...policy, budgetBytes: 700 }, now);
    assert.deepEqual(names(plan.keep).sort(), ["f", "i", "p", "s1"]);
    assert.deepEqual(names(plan.evict), ["s2"]);
  });

  it("drops a pin whose end has come", () => {
    const graph = graphOf({ a: [1], b: [1] });
    const roots = [root("ended", "pin", "a", 900, "", -1), root("stands", "pin", "b", 900, "", 1)];
    const plan = planRetention(graph, roots, policy, now);
    assert.deepEqual(names(plan.keep), ["stands"]);
    assert.deepEqual(names(plan.evict), ["ended"]);
  });

  it("evicts nothing when protected things alone are over the budget, and says so", () => {
    const graph = graphOf({ f: [2_000], a: [1] });
    const roots = [root("f", "foreign", "f", 1), root("a", "package", "a", 1)];
    const plan = planRetention(graph, roots, policy, now);
    assert.equal(plan.overBudget, true);
    assert.deepEqual(plan.evict, []);
    assert.deepEqual(names(plan.keep), ["f", "a"]);
  });
});

/** Graphs without cycles: a path refers to earlier ones, and sometimes to itself. */
const generated = fc.integer({ min: 1, max: 40 }).chain((count) =>
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

function closure(graph: Graph, roots: readonly string[]): Set<string> {
  const found = new Set<string>();
  const open = [...roots];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    open.push(...(graph.get(next)?.references ?? []));
  }
  return found;
}

const bytesOf = (graph: Graph, paths: Iterable<string>): number =>
  [...paths].reduce((total, path) => total + (graph.get(path)?.bytes ?? 0), 0);

describe("the retention plan, over generated graphs and policies", () => {
  const property = (
    check: (plan: Plan, graph: Graph, roots: readonly Root[], policy: RetentionPolicy) => void,
  ): void => {
    fc.assert(
      fc.property(generated, ({ graph, roots, policy: generatedPolicy }) => {
        check(planRetention(graph, roots, generatedPolicy, now), graph, roots, generatedPolicy);
      }),
      { numRuns: 500 },
    );
  };

  it("keeps within the budget, or reports that protected things alone are over it and evicts nothing", () => {
    property((plan, graph, _roots, { budgetBytes }) => {
      const bytes = bytesOf(
        graph,
        closure(
          graph,
          plan.keep.map(({ root: { path } }) => path),
        ),
      );
      if (plan.overBudget) assert.deepEqual(plan.evict, []);
      else assert.ok(bytes <= budgetBytes, `${bytes} over ${budgetBytes}`);
      if (!plan.overBudget) assert.equal(plan.keptBytes, bytes);
    });
  });

  it("never evicts what is protected", () => {
    property((plan) => {
      for (const { root: evicted } of plan.evict) {
        const ended = evicted.kind === "pin" && evicted.until !== undefined && evicted.until <= now;
        assert.ok(ended || evicted.kind === "system" || evicted.kind === "package", `${evicted.name} was protected`);
      }
    });
  });

  it("decides on every root once", () => {
    property((plan, _graph, roots) => {
      assert.deepEqual([...names(plan.keep), ...names(plan.evict)].sort(), roots.map(({ name }) => name).sort());
    });
  });

  it("frees exactly what it says", () => {
    property((plan, graph, roots) => {
      const before = closure(
        graph,
        roots.map(({ path }) => path),
      );
      const after = closure(
        graph,
        plan.keep.map(({ root: { path } }) => path),
      );
      const freed = plan.evict.reduce((total, { bytes }) => total + bytes, 0);
      assert.equal(freed, bytesOf(graph, before) - bytesOf(graph, after));
    });
  });

  it("is the same for the same input, in whatever order the roots come", () => {
    property((plan, graph, roots, generatedPolicy) => {
      assert.deepEqual(planRetention(graph, [...roots].reverse(), generatedPolicy, now), plan);
    });
  });
});
