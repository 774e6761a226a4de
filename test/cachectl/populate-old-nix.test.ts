import assert from "node:assert/strict";
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "../../nix/cachectl/receive/local-host.ts";
import { nixOrSkip } from "../support/nix.ts";
import { PopulateWorld, removeWorlds, system } from "./populate-world.ts";

describe("populate with an older Nix (a double that refuses the newer commands)", function () {
  this.timeout(180_000);
  let world: PopulateWorld;
  const greeting = `packages.${system}.greeting`;
  before(async function () {
    world = new PopulateWorld(await nixOrSkip(this));
    world.useFlake("good");
    world.lock();
    world.write(world.words, "words", "two\n");
    world.populate.outputs = [greeting];
    const bin = join(world.folder, "bin");
    mkdirSync(bin);
    copyFileSync(join(import.meta.dirname, "populate-flakes/old-nix.sh"), join(bin, "nix"));
    world.env.REAL_NIX = findProgram("nix", world.env.PATH, []);
    world.env.PATH = `${bin}:${world.env.PATH}`;
  });
  after(removeWorlds);

  it("asks it by the names that it knows", async () => {
    world.populate.lock = "update";
    const { status, stdout } = await world.call(["populate"]);
    assert.equal(status, 0, stdout);
    assert.deepEqual(world.statuses(), { [greeting]: "built", [`${greeting} +`]: "built" });
  });
});
