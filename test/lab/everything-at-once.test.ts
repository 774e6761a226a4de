/**
 * Uploads, populate, retention and readers, all at once, on the lab's machines with the real Nix: the Mac builds and uploads,
 * the server populates and drops what is over a small budget, again and again, and the desktop fetches whatever there is.
 * Whoever has begun a closure gets all of it, right to the last byte. About a minute; SOAK=1 makes five of it.
 */
import assert from "node:assert/strict";
import { adoptVars, varsOf } from "./job/clients.ts";
import { Everything } from "./job/everything.ts";
import { mustSucceed } from "./job/told.ts";
import { release, testWorld, type TestWorld } from "./world/test-world.ts";
import { pulumi } from "./world/world.ts";

const MINUTE = 60_000;
const seconds = process.env.SOAK === "1" ? 300 : 60;

describe("everything at once, in the lab", function () {
  this.timeout(15 * MINUTE);
  let world: TestWorld;
  let all: Everything;

  before("raise a lab, and bring the stack up", async () => {
    world = await testWorld();
    const up = mustSucceed(await pulumi(world, "up"));
    await adoptVars(world, up);
    all = new Everything(world, varsOf(up).cache.url);
    await all.prepare();
  });
  after("leave nothing behind", () => release(world));

  it(`for ${seconds} s, no reader misses a path of a closure that it began, and none gets wrong bytes`, async () => {
    const { reader, nix, work } = await all.run(seconds);
    console.log(`      ${JSON.stringify({ ...work, ...reader, nix })}`);
    assert.deepEqual([reader.missing, reader.wrong, nix.failed], [[], [], []]);
    // Else it would prove nothing.
    assert.ok(work.evictions > 0 && work.collectedPaths > 0 && reader.gone > 0, "nothing was dropped meanwhile");
    assert.ok(work.built > 0 && work.populated > 0 && reader.closures > 0 && nix.copied > 0, "nothing went on");
    assert.deepEqual(await all.leftOver(), { complaints: "", marks: "" });
  });
});
