import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "../../nix/cachectl/receive/local-host.ts";
import { nixOrSkip } from "../support/nix.ts";
import { PopulateWorld, removeWorlds } from "./populate-world.ts";

describe("populate beside a garbage collection", function () {
  this.timeout(180_000);
  after(removeWorlds);

  it("builds what was collected between its evaluation and its root", async function () {
    const world = new PopulateWorld(await nixOrSkip(this));
    world.useFlake("good");
    world.lock();
    const [bin, collected] = [join(world.folder, "collecting"), join(world.folder, "collected")];
    mkdirSync(bin);
    copyFileSync(join(import.meta.dirname, "populate-flakes/collect-nix.sh"), join(bin, "nix"));
    const path = world.env.PATH;
    const nix = findProgram("nix", path, []);
    Object.assign(world.env, { PATH: `${bin}:${path}`, COUNTED_NIX: nix, COUNTED_CALLS: collected });
    const { status, stdout, stderr } = await world.call(["populate"]);
    assert.equal(status, 0, stdout + stderr);
    assert.match(readFileSync(collected, "utf8"), /deleting '.*\.drv'/);
    assert.ok(Object.values(world.statuses()).every((each) => ["built", "unchanged", "left"].includes(each)));
  });
});
