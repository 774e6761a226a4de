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
import { bytesOf, closure, generated, names, now } from "./retain-graphs.ts";

/** More rounds where there is time for them. */
const rounds = process.env.SOAK === undefined ? 1 : 20;

describe("the retention plan, over generated graphs and policies", () => {
  const property = (
    check: (plan: Plan, graph: Graph, roots: readonly Root[], policy: RetentionPolicy) => void,
  ): void => {
    fc.assert(
      fc.property(generated, ({ graph, roots, policy: generatedPolicy }) => {
        check(planRetention(graph, roots, generatedPolicy, now), graph, roots, generatedPolicy);
      }),
      { numRuns: 500 * rounds },
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
        const ended = ["pin", "incoming"].includes(evicted.kind) && evicted.until !== undefined && evicted.until <= now;
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
