import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { planRetention } from "../../nix/cachectl/retain/plan.ts";
import { graphOf, names, now, policy, root } from "./retain-graphs.ts";

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
    const graph = graphOf({ new: [600, "shared"], shared: [100], old: [500, "shared"], older: [400, "old"] });
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
        ["older", 400],
      ],
    );
    assert.equal(plan.keptBytes, 700);
  });

  it("evicts one that is too large for all that is newer, and not the older ones that fit", () => {
    const graph = graphOf({ new: [300], giant: [5_000], small: [200], large: [600] });
    const roots = Object.keys(Object.fromEntries(graph)).map((path, index) => root(path, "package", path, index, path));
    const plan = planRetention(graph, roots, policy, now);
    assert.deepEqual(
      [names(plan.keep), names(plan.evict)],
      [
        ["new", "small"],
        ["giant", "large"],
      ],
    );
    assert.match(plan.evict[0]?.reason ?? "", /over the disk budget, beside what is worth more/);
  });

  it("lets what is current in one group stay before what is newer and superseded in another", () => {
    const graph = graphOf({ a1: [400], a2: [400], a3: [400], seldom: [500] });
    const roots = [
      root("a1", "package", "a1", 1, "a"),
      root("a2", "package", "a2", 2, "a"),
      root("a3", "package", "a3", 3, "a"),
      root("seldom", "package", "seldom", 300, "b"),
    ];
    const plan = planRetention(graph, roots, policy, now);
    assert.deepEqual(
      [names(plan.keep), names(plan.evict)],
      [
        ["a1", "seldom"],
        ["a2", "a3"],
      ],
    );
  });

  it("drops a root whose path is gone, and does not count it", () => {
    const graph = graphOf({ old: [1] });
    const roots = [root("gone", "system", "gone", 1, "desktop"), root("old", "system", "old", 100, "desktop")];
    const plan = planRetention(graph, roots, { ...policy, keepSystems: 1 }, now);
    assert.deepEqual([names(plan.keep), names(plan.evict)], [["old"], ["gone"]]);
    assert.equal(plan.keep[0]?.reason, "desktop's newest system");
  });

  it("counts a path under several roots once, at its newest", () => {
    const graph = graphOf({ a: [1], b: [1], c: [1] });
    const roots = ["a", "b", "a", "b", "c"].map((path, index) => root(`${path}${index}`, "package", path, 40 + index));
    assert.deepEqual(names(planRetention(graph, roots, policy, now).evict), ["c4"]);
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

  it("drops what was announced long ago and never committed", () => {
    const roots = [root("late", "incoming", "x", 9, "", -2), root("fresh", "incoming", "y", 1, "", 6)];
    const plan = planRetention(graphOf({ x: [1] }), roots, policy, now);
    assert.deepEqual([names(plan.keep), names(plan.evict)], [["fresh"], ["late"]]);
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
