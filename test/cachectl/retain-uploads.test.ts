import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { parseLimits } from "../../nix/cachectl/receive/limits.ts";
import { BuilderRoots } from "../../nix/cachectl/receive/roots.ts";
import { forEachTest, RetainWorld } from "./retain-world.ts";

/** More rounds where there is time for them. */
const rounds = process.env.SOAK === undefined ? 8 : 200;

describe("cachectl retain while paths come in", function () {
  this.timeout(rounds * 20_000);
  let world: RetainWorld;
  forEachTest((made) => (world = made));

  it("takes nothing that was announced before it came, nor what that needs, and goes on deleting what is old", async () => {
    const packages = Array.from({ length: rounds }, (_, index) => ({
      name: `tool-1.${index}`,
      size: 50_000,
      references: index === 0 ? [] : [`tool-1.${index - 1}`],
    }));
    // Another store tells what the paths will be called.
    const elsewhere = new RetainWorld();
    const paths = elsewhere.build(packages);
    elsewhere.remove();
    world.configure({ keepPackages: 1, keepDays: 30 });
    mkdirSync(join(world.roots, "uploads/alpha"), { recursive: true });
    for (const [index, { name }] of packages.entries()) {
      const path = paths.get(name) ?? "";
      const old = world.add(20, 5000, `old-${index}`);
      old.forEach((item) => world.root("uploads/beta", item, 100 + index, `${basename(item)}-${index}`));
      const retain = world.start("retain");
      const ended = once(retain, "exit");
      // As a receiver does it: announced, then there, then committed; all of it while retain is at work.
      const receiver = new BuilderRoots(world.roots, "alpha");
      receiver.announce([path], parseLimits({}));
      world.build(packages.slice(0, index + 1));
      receiver.commit([path]);
      assert.deepEqual(await ended, [0, null], name);
      for (const earlier of packages.slice(0, index + 1))
        assert.ok(world.lies(paths.get(earlier.name) ?? ""), earlier.name);
    }
    assert.equal(world.cachectl("retain").status, 0);
    for (const { name } of packages) assert.ok(world.has(paths.get(name) ?? ""), name);
    // All of them are versions of one package by their names: the newest is left.
    assert.equal(world.rootsIn("uploads/beta").length, 1);
    assert.equal(world.verify(), "");
  });
});
