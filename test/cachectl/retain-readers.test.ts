import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { planRetention } from "../../nix/cachectl/retain/plan.ts";
import { recentlyRead } from "../../nix/cachectl/retain/readers.ts";
import { bytesOf, closure, generated, graphOf, names, now, policy, root } from "./retain-graphs.ts";

describe("readers and the retention plan", () => {
  it("what is being read stays, with its closure, and goes with a later run", () => {
    const graph = graphOf({ new: [900], old: [300, "lib"], lib: [100], older: [50, "lib"], gone: [60] });
    const roots = [
      root("new", "package", "new", 1, "x"),
      root("old", "package", "old", 2, "y"),
      root("older", "package", "older", 90, "y"),
      root("gone", "package", "gone", 91, "y"),
    ];
    const plan = planRetention(graph, roots, { ...policy, keepPackages: 1 }, now, new Set(["old", "new"]));
    assert.deepEqual(
      [names(plan.keep), names(plan.deferred), names(plan.evict)],
      [["new"], ["old"], ["older", "gone"]],
    );
    assert.deepEqual(
      [plan.keptBytes, plan.deferred[0]?.bytes, plan.evict.map(({ bytes }) => bytes)],
      [900, 400, [50, 60]],
    );
  });

  it("loses no closure of what is being read, and frees what it says, over generated graphs", () => {
    fc.assert(
      fc.property(generated, fc.array(fc.nat(39)), ({ graph, roots, policy: some }, read) => {
        const paths = read.map((index) => `p${index}`);
        const plan = planRetention(graph, roots, some, now, new Set(paths));
        const rooted = closure(
          graph,
          roots.map(({ path }) => path),
        );
        const staying = closure(
          graph,
          [...plan.keep, ...plan.deferred].map((verdict) => verdict.root.path),
        );
        for (const path of closure(
          graph,
          paths.filter((item) => rooted.has(item)),
        ))
          assert.ok(staying.has(path), path);
        const freed = plan.evict.reduce((sum, { bytes }) => sum + bytes, 0);
        assert.equal(freed, bytesOf(graph, rooted) - bytesOf(graph, staying));
        const decided = [...plan.keep, ...plan.deferred, ...plan.evict];
        assert.deepEqual(names(decided).sort(), roots.map(({ name }) => name).sort());
        assert.ok(plan.overBudget || plan.keptBytes <= some.budgetBytes);
      }),
      { numRuns: 500 },
    );
  });

  it("are known by nginx's log: what was found, lately, also in a log that was rotated meanwhile", () => {
    const folder = mkdtempSync(join(tmpdir(), "readers-"));
    const hash = (letter: string): string => letter.repeat(32);
    const at = (secondsAgo: number): string => ((Date.now() - secondsAgo * 1000) / 1000).toFixed(3);
    const line = (ago: number, status: number, uri: string): string => `${at(ago)} 5000 ${status} 10 - 0.001 ${uri}\n`;
    writeFileSync(
      join(folder, "log"),
      line(7200, 200, `/${hash("a")}.narinfo`) +
        line(60, 200, `/${hash("b")}.narinfo`) +
        line(50, 404, `/${hash("c")}.narinfo`) +
        line(40, 206, `/nar/${"0".repeat(52)}.nar?hash=${hash("d")}`) +
        line(30, 200, "/nix-cache-info") +
        "half a li",
    );
    writeFileSync(join(folder, "log.1"), line(3000, 200, `/${hash("f")}.narinfo?x`));
    assert.deepEqual([...recentlyRead(join(folder, "log"), Date.now() - 3_600_000)].sort(), ["b", "d", "f"].map(hash));
    assert.deepEqual([...recentlyRead(join(folder, "none"), 0)], []);
    rmSync(folder, { recursive: true });
  });
});
