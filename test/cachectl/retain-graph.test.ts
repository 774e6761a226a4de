import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { graphFromNix, readGraph } from "../../nix/cachectl/retain/graph.ts";
import type { Graph } from "../../nix/cachectl/retain/plan.ts";
import { forEachTest, type RetainWorld } from "./retain-world.ts";

describe("the store's graph", function () {
  this.timeout(60_000);
  let world: RetainWorld;
  forEachTest((made) => (world = made));

  const plain = (graph: Graph): object =>
    Object.fromEntries(
      [...graph].sort().map(([path, { bytes, references }]) => [path, [bytes, [...references].sort()]]),
    );

  it("is the same from Nix's database as from Nix, with derivations and without, and when the database can't be read", async () => {
    const built = world.build([
      { name: "library", size: 10 },
      { name: "tool", size: 20, references: ["library"] },
      { name: "both", size: 30, references: ["library", "tool"] },
    ]);
    const path = (name: string): string => built.get(name) ?? "";
    const warnings: string[] = [];
    const sources = {
      databaseFile: join(world.nix, "var/nix/db/db.sqlite"),
      storeDirectory: join(world.nix, "store"),
      access: world.access,
      warn: (message: string): void => void warnings.push(message),
    };
    for (const derivations of [false, true]) {
      const keeping = { derivations, outputs: false };
      const graph = await readGraph({ ...sources, keeping });
      assert.deepEqual(plain(await graphFromNix({ ...sources, keeping })), plain(graph));
      const derivers = graph.get(path("both"))?.references.filter((reference) => reference.endsWith(".drv")) ?? [];
      assert.equal(derivers.length, derivations ? 1 : 0);
      assert.ok(graph.get(path("both"))?.references.includes(path("tool")));
    }
    assert.deepEqual(warnings, []);
    const keeping = { derivations: true, outputs: false };
    const expected = plain(await readGraph({ ...sources, keeping }));
    const broken = join(world.folder, "broken.sqlite");
    writeFileSync(broken, "no database at all".repeat(100));
    assert.deepEqual(plain(await readGraph({ ...sources, databaseFile: broken, keeping })), expected);
    assert.match(
      warnings.join("\n"),
      /broken\.sqlite can't be read \(.*not a database.*\): asking Nix about every path/,
    );
  });
});
