import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { forEachTest, type RetainWorld } from "./retain-world.ts";

describe("cachectl retain, on a real store", function () {
  this.timeout(60_000);
  let world: RetainWorld;
  forEachTest((made) => (world = made));

  const versions = [0, 1, 2, 3, 4].map((age) => `tool-1.${9 - age}`);
  const system = "nixos-system-desktop-25.11.1";

  /** Five versions of one package, the newest 0 days old, one system that needs a library, and a path without a root. */
  function fill(): Map<string, string> {
    const built = world.build([
      ...versions.map((name) => ({ name, size: 100_000 })),
      { name: "library-1.0", size: 50_000 },
      { name: system, size: 10_000, references: ["library-1.0"] },
      { name: "loose", size: 1000 },
    ]);
    versions.forEach((name, age) => world.root("uploads/alpha", built.get(name) ?? "", age * 40));
    world.root("uploads/alpha", built.get(system) ?? "", 300);
    return built;
  }
  const present = (built: ReadonlyMap<string, string>): string[] =>
    [...built].filter(([, path]) => world.has(path)).map(([name]) => name);

  it("says in a dry run what the real run then does, and what Nix then deletes is what went", () => {
    const built = fill();
    world.configure({ diskBudget: "100GiB", keepPackages: 2, keepDays: 10 });
    const dry = world.cachectl("retain", "--dry-run");
    assert.deepEqual([dry.status, dry.stderr], [0, ""]);
    assert.equal(world.rootsIn("uploads/alpha").length, versions.length + 1);
    const real = world.cachectl("retain");
    assert.deepEqual([real.status, real.stderr], [0, ""]);
    // What is free on this disk is others' matter, too.
    const [said, did] = [dry, real].map(({ stdout }) => stdout.replace(/free are [\d.]+ \w+/, ""));
    assert.equal(did?.slice(0, said?.length), said);
    assert.deepEqual(present(built), [...versions.slice(0, 2), "library-1.0", system]);
    assert.equal(world.record("retain.json").outcome, "done");
    assert.equal(world.verify(), "");
  });

  it("works through Nix's daemon, as the server's units do, and pins and explains there", async () => {
    const built = fill();
    world.configure({ keepPackages: 2, keepDays: 10 });
    await world.useDaemon();
    assert.equal(world.cachectl("pin", "loose", built.get("loose") ?? "").status, 0);
    const { status, stderr } = world.cachectl("retain");
    assert.deepEqual([status, stderr], [0, ""]);
    assert.deepEqual(present(built), [...versions.slice(0, 2), "library-1.0", system, "loose"]);
    assert.match(world.cachectl("why", built.get("loose") ?? "").stdout, /is kept by 1 root\n {2}kept: pinned\n/);
  });

  it("leaves for later what somebody is fetching at this moment", () => {
    const built = fill();
    world.configure({ keepPackages: 2, keepDays: 10 });
    const read = built.get("tool-1.5") ?? "";
    const line = (secondsAgo: number): string =>
      `${Date.now() / 1000 - secondsAgo} 5000 200 500 - 0.001 /${read.slice(11, 43)}.narinfo\n`;
    writeFileSync(world.accessLog, line(600));
    const { status, stdout } = world.cachectl("retain");
    assert.equal(status, 0);
    assert.match(stdout, /goes later, somebody is reading it: 1 roots, 98\.\d KiB\n.*tool-1\.5: beyond/);
    assert.deepEqual(present(built), [...versions.slice(0, 2), "tool-1.5", "library-1.0", system]);
    writeFileSync(world.accessLog, line(7200));
    // Nothing is low, but something was left.
    assert.equal(world.cachectl("retain", "--if-low").status, 0);
    assert.deepEqual(present(built), [...versions.slice(0, 2), "library-1.0", system]);
    assert.match(world.cachectl("retain", "--if-low").stdout, /are free: nothing to do/);
  });
});
