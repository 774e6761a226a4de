import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { endOfDay, isPinName, parsePin, readPins, removePin, setPin } from "../../nix/cachectl/pin/pins.ts";
import { storePathOf } from "../../nix/cachectl/pin/store-path.ts";
import { forEachTest, type RetainWorld } from "./retain-world.ts";

const path = `/nix/store/${"a".repeat(32)}-thing-1.0`;

describe("pins", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "pins-"))));
  afterEach(() => rmSync(folder, { recursive: true }));

  it("come back as they were set, and replace those of the same name, with their end", () => {
    setPin(folder, { name: "b", path, lastDay: "2027-01-31" });
    setPin(folder, { name: "a", path });
    setPin(folder, { name: "b", path: `${path}.1`, lastDay: "2027-02-28" });
    assert.deepEqual(readPins(folder), [
      { name: "a", path },
      { name: "b", path: `${path}.1`, lastDay: "2027-02-28" },
    ]);
    setPin(folder, { name: "b", path });
    assert.deepEqual(readdirSync(join(folder, "pins")), ["a", "b"]);
    assert.deepEqual([removePin(folder, "b"), removePin(folder, "b")], [true, false]);
    assert.deepEqual(readdirSync(join(folder, "pins")), ["a"]);
  });

  it("hold through their last day, in UTC, and know which days there are", () => {
    assert.equal(endOfDay("2027-01-31"), Date.parse("2027-02-01T00:00:00Z") / 1000);
    for (const day of ["2027-02-30", "2027-13-01", "tomorrow", "2027-1-1", ""]) assert.equal(endOfDay(day), undefined);
    assert.equal(parsePin("x@2027-06-31").until, undefined);
  });

  it("have no name that leads out of their folder, or hides", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[./@A-Za-z0-9_+-]{0,12}$/)), (name) => {
        if (!isPinName(name)) return;
        assert.ok(!name.includes("/") && !name.startsWith(".") && !name.includes("@"), name);
        assert.deepEqual(parsePin(`${name}@2027-01-31`).name, name);
      }),
    );
    assert.ok(!isPinName("..") && !isPinName("") && !isPinName("a".repeat(101)) && isPinName("release-25.11"));
  });

  it("take a path by its name, what lies below it, a link to it and its hash", () => {
    mkdirSync(join(folder, `${"b".repeat(32)}-tool`));
    symlinkSync("/nowhere", join(folder, "broken"));
    writeFileSync(join(folder, "file"), "");
    assert.equal(storePathOf(path, folder), path);
    assert.equal(storePathOf(`${path}/bin/thing`, folder), path);
    assert.equal(storePathOf("b".repeat(32), folder), `/nix/store/${"b".repeat(32)}-tool`);
    for (const wrong of [
      "a".repeat(32),
      join(folder, "broken"),
      join(folder, "file"),
      "",
      "/nix/store",
      "/nix/store/x",
    ])
      assert.throws(() => storePathOf(wrong, folder), /is no store path|has the hash/, wrong);
  });
});

describe("cachectl pin and unpin, on a real store", function () {
  this.timeout(60_000);
  let world: RetainWorld;
  forEachTest((made) => (world = made));

  it("keep a path through retain until the pin is ended", () => {
    const tool = world.build([{ name: "tool", size: 10 }]).get("tool") ?? "";
    const inOneYear = new Date(Date.now() + 365 * 86_400_000).toISOString().slice(0, 10);
    assert.equal(world.cachectl("pin", "mine", `${tool}/data`, "--until", inOneYear).status, 0);
    assert.deepEqual(world.json("pin"), { pins: [{ name: "mine", path: tool, lastDay: inOneYear }] });
    assert.equal(world.cachectl("retain").status, 0);
    assert.equal(world.has(tool), true);
    assert.equal(world.cachectl("unpin", "mine").stdout, `unpinned ${tool}\n`);
    assert.equal(world.cachectl("retain").status, 0);
    assert.equal(world.has(tool), false);
  });

  it("refuse what is not here, what is no path, a day that is over, and a pin that is not there", () => {
    const nowhere = world.cachectl("pin", "x", path);
    assert.equal(nowhere.status, 1);
    assert.match(nowhere.stderr, /is not here and can't be fetched, so it was not pinned/);
    assert.deepEqual(world.json("pin"), { pins: [] });
    assert.match(world.cachectl("pin", "x", "/etc").stderr, /is no store path/);
    assert.match(world.cachectl("pin", "x", path, "--until", "2020-01-01").stderr, /--until 2020-01-01 is over/);
    assert.match(world.cachectl("pin", "../x", path).stderr, /can't name a pin/);
    assert.deepEqual(world.cachectl("unpin", "x").stderr, 'cachectl: found no pin "x"; there are none\n');
  });
});
