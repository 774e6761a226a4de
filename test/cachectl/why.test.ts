import assert from "node:assert/strict";
import fc from "fast-check";
import { describe as explain } from "../../nix/cachectl/why/command.ts";
import { reasonsFor } from "../../nix/cachectl/why/why.ts";
import { planRetention } from "../../nix/cachectl/retain/plan.ts";
import { closure, generated, now } from "./retain-graphs.ts";
import { forEachTest, type RetainWorld } from "./retain-world.ts";

describe("why a path is there", () => {
  it("names exactly the roots whose closure holds it, each by a chain of references", () => {
    fc.assert(
      fc.property(generated, fc.nat(39), ({ graph, roots, policy }, index) => {
        const path = `p${index}`;
        const plan = planRetention(graph, roots, policy, now);
        const { holders, known } = reasonsFor(path, graph, plan, policy);
        const holding = roots.filter((root) => root.path === path || closure(graph, [root.path]).has(path));
        assert.deepEqual(holders.map(({ root }) => root.name).sort(), holding.map(({ name }) => name).sort());
        assert.equal(known, graph.has(path));
        const kept = new Set(plan.keep.map(({ root }) => root.name));
        for (const { root, chain, stays } of holders) {
          assert.deepEqual([chain[0], chain.at(-1), stays], [root.path, path, kept.has(root.name)]);
          chain.slice(1).forEach((to, at) => assert.ok(graph.get(chain[at] ?? "")?.references.includes(to)));
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("cachectl why, on a real store", function () {
  this.timeout(60_000);
  let world: RetainWorld;
  forEachTest((made) => (world = made));

  it("tells what keeps a path and through what, what goes, and what nothing keeps", () => {
    const built = world.build([
      { name: "library", size: 10 },
      { name: "nixos-system-desktop-25.11.1", size: 10, references: ["library"] },
      { name: "tool-1", size: 10, references: ["library"] },
      { name: "loose", size: 10 },
    ]);
    const path = (name: string): string => built.get(name) ?? "";
    world.configure({ keepPackages: 1, keepDays: 1 });
    world.root("uploads/alpha", path("nixos-system-desktop-25.11.1"), 3);
    world.root("uploads/alpha", path("tool-1"), 5);
    world.root("uploads/alpha", path("loose"), 0, "tool-2");
    const library = world.cachectl("why", path("library"));
    assert.deepEqual([library.status, library.stderr], [0, ""]);
    assert.match(library.stdout, /is kept by 2 roots\n {2}kept: desktop's newest system\n/);
    assert.match(
      library.stdout,
      /by way of nixos-system-desktop-25\.11\.1\n {4}goes after [-\d]+, once there are 5 newer ones of desktop\n/,
    );
    assert.equal(world.cachectl("unpin", "none").status, 1);
    const nowhere = world.cachectl("why", `/nix/store/${"a".repeat(32)}-none`);
    assert.deepEqual([nowhere.status, nowhere.stdout], [1, `/nix/store/${"a".repeat(32)}-none is not in the store\n`]);
    assert.match(explain({ path: "/nix/store/x", known: true, holders: [] }, false), /has no root that keeps it/);
  });
});
