import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { forEachTest, RetainWorld } from "./retain-world.ts";

describe("cachectl retain, when things go wrong", function () {
  this.timeout(120_000);
  let world: RetainWorld;
  forEachTest((made) => (world = made));

  const recordOf = (): { outcome?: unknown; plan?: unknown } => {
    try {
      return world.record("retain.json");
    } catch {
      return {};
    }
  };

  /** One path that stays, with many old roots to evict and many paths to delete. */
  function fill(): { readonly kept: string; readonly gone: readonly string[] } {
    const [kept = "", ...gone] = world.add(300, 2000);
    world.root("uploads/alpha", kept, 0, "current");
    gone.forEach((path, index) => {
      for (let copy = 0; copy < 5; copy += 1)
        world.root("uploads/alpha", path, 100 + index, `${basename(path)}-${copy}`);
    });
    world.configure({ keepPackages: 1, keepDays: 1 });
    return { kept, gone };
  }

  const roots = (): number => world.rootsIn("uploads/alpha").length;
  const phases: [name: string, reached: (before: number, gone: readonly string[]) => boolean][] = [
    ["while it reads the store", () => recordOf().outcome === "running" && recordOf().plan === undefined],
    ["while it evicts", (before) => roots() < before],
    ["while Nix deletes", (_before, gone) => roots() === 1 && gone.some((path) => !world.lies(path))],
  ];
  for (const [name, reached] of phases) {
    it(`killed ${name}, leaves a store in order, and the next run finishes`, async () => {
      const { kept, gone } = fill();
      const before = roots();
      const child = world.start("retain");
      while (!reached(before, gone) && child.exitCode === null) await pause(1);
      assert.equal(child.exitCode, null, "it was over before it could be killed");
      child.kill("SIGKILL");
      await once(child, "exit");
      assert.equal(recordOf().outcome, "running");
      // What it started may still be at it: Nix's own lock makes the next one wait.
      assert.equal(world.verify(), "");
      assert.equal(world.has(kept), true);
      const again = world.cachectl("retain");
      assert.deepEqual([again.status, again.stderr], [0, ""]);
      assert.deepEqual([roots(), gone.filter((path) => world.lies(path))], [1, []]);
      assert.deepEqual([world.has(kept), world.verify(), recordOf().outcome], [true, "", "done"]);
    });
  }

  it("stopped while Nix deletes, ends in good order and says that the next run goes on", async () => {
    const { kept, gone } = fill();
    const child = world.start("retain");
    while (!gone.some((path) => !world.lies(path)) && child.exitCode === null) await pause(1);
    child.kill("SIGTERM");
    const [status] = (await once(child, "exit")) as [number];
    assert.deepEqual([status, recordOf().outcome], [143, "stopped"]);
    assert.deepEqual([world.cachectl("retain").status, world.has(kept), world.verify()], [0, true, ""]);
  });

  it("over budget by protected things alone, fails loudly, says what holds the space, and deletes nothing", () => {
    const [pinned = "", loose = ""] = world.add(2, 500_000);
    world.root("pins", pinned, 1, "release");
    world.root("uploads/alpha", loose, 90);
    world.configure({ diskBudget: 100_000, keepDays: 1, keepPackages: 1 });
    for (const args of [["retain", "--dry-run"], ["retain"]]) {
      const { status, stderr } = world.cachectl(...args);
      assert.equal(status, 1);
      assert.match(stderr, /over budget: what may not be evicted takes 488\.\d KiB alone, and 97\.7 KiB are allowed/);
      assert.match(stderr, /488\.\d KiB {6}1 root {3}pinned as release\n/);
    }
    assert.deepEqual([world.has(pinned), world.has(loose), recordOf().outcome], [true, true, "over-budget"]);
  });

  it("on a full disk, frees it all the same", function () {
    if (process.getuid?.() !== 0) {
      console.log("      left out: only root can mount a small disk");
      this.skip();
    }
    world.remove();
    world = new RetainWorld({ diskBytes: 32 * 1024 ** 2 });
    const [kept = "", ...gone] = world.add(9, 1_000_000);
    world.root("uploads/alpha", kept, 0, "current");
    gone.forEach((path) => world.root("uploads/alpha", path, 90));
    world.configure({ keepDays: 1, keepPackages: 1 });
    const filler = join(world.nix, "filler");
    assert.notEqual(spawnSync("dd", ["if=/dev/zero", `of=${filler}`, "bs=64k"]).status, 0, "the disk was not full");
    assert.throws(() => writeFileSync(join(world.nix, "more"), "x".repeat(100_000)), /ENOSPC/);
    const { status, stderr } = world.cachectl("retain");
    assert.equal(status, 0, stderr);
    assert.deepEqual([world.has(kept), gone.filter((path) => world.has(path))], [true, []]);
    assert.equal(world.verify(), "");
  });

  it("refuses a second run beside the first, a wrong configuration, and roots that it may not change", async () => {
    fill();
    const child = world.start("retain");
    while (recordOf().outcome !== "running" && child.exitCode === null) await pause(1);
    // It waits in the middle of its work for as long as the second takes to begin.
    child.kill("SIGSTOP");
    const second = world.cachectl("retain");
    child.kill("SIGCONT");
    assert.deepEqual([second.status, second.stderr.includes("another run of retain is at it")], [75, true]);
    await once(child, "exit");
    world.configure({ keepSystems: "many" });
    assert.match(world.cachectl("retain").stderr, /retention\.keepSystems in config\.json is "many"; expected a whole/);
    assert.match(world.cachectl("retain", "everything").stderr, /found "everything"\nusage: cachectl retain/);
    symlinkSync("/nowhere", join(world.roots, "uploads/odd"));
    world.configure({});
    assert.equal(world.cachectl("retain").status, 0);
  });
});
