import assert from "node:assert/strict";
import { existsSync, lstatSync, readlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { nixOrSkip } from "../support/nix.ts";
import { counted } from "./populate-watch.ts";
import { PopulateWorld, removeWorlds, system } from "./populate-world.ts";

const built = [
  "nixosConfigurations.desktop",
  "homeConfigurations.ada@desktop",
  `packages.${system}.greeting`,
  `checks.${system}.spelling`,
  `devShells.${system}.default`,
];
const folders = ["desktop", ...built.slice(1)];

describe("populate, with the real Nix", function () {
  this.timeout(180_000);
  let world: PopulateWorld;
  before(async function () {
    world = new PopulateWorld(await nixOrSkip(this));
    world.useFlake("good");
    world.lock();
  });
  after(removeWorlds);

  it("builds every output for this machine's systems, and says what it leaves to Macs and CI", async () => {
    const { status, stdout, stderr } = await world.call(["populate"]);
    assert.equal(status, 0, stdout + stderr);
    const each = built.map((name) => [name, "built"]);
    assert.deepEqual(world.statuses(), { ...Object.fromEntries(each), "nixosConfigurations.book": "left" });
    assert.match(stdout, /^left to the Macs and CI: darwinConfigurations\.mac, packages\.aarch64-darwin, /m);
    assert.match(stdout, /^5 built, 1 left$/m);
    assert.equal(world.output("nixosConfigurations.book").reason, "it is for aarch64-darwin");
  });

  it("keeps each success by a root below its machine or its output, and Nix's own collector spares it", () => {
    const roots = world.roots();
    assert.deepEqual(Object.keys(roots).sort(), [...folders].sort());
    world.collectGarbage();
    for (const [index, name] of built.entries()) {
      const { paths = [] } = world.output(name);
      assert.deepEqual(
        roots[folders[index] ?? ""],
        paths.map((path) => basename(path)),
      );
      for (const path of paths) assert.ok(existsSync(path), path);
    }
  });

  it("says what each took: seconds, bytes, and when it last succeeded", () => {
    const { seconds, builds, closureBytes = 0, newBytes, lastSuccess = "" } = world.output(built[0] ?? "");
    assert.ok(seconds > 0 && seconds < 60);
    assert.equal(builds, 1);
    assert.ok(closureBytes > 0);
    assert.equal(newBytes, closureBytes);
    assert.equal(lastSuccess, world.result().started);
  });

  it("asks Nix for nothing but the flake's state when that is unchanged", async () => {
    const { status, calls } = await counted(world, ["populate"]);
    assert.equal(status, 0);
    assert.deepEqual(new Set(Object.values(world.statuses())), new Set(["unchanged", "left"]));
    assert.deepEqual(calls, ["flake metadata", "config show"]);
  });

  it("evaluates each output once, and builds nothing, when the flake changed and they did not", async () => {
    world.write(world.repository, "README.md", "Changed");
    const { status, calls } = await counted(world, ["populate", built[0] ?? ""]);
    assert.equal(status, 0);
    assert.equal(world.output(built[0] ?? "").status, "unchanged");
    assert.deepEqual(calls, ["flake metadata", "config show", "eval"]);
  });

  it("builds anew what lost its root or its path, though the flake is unchanged", async () => {
    const [path = ""] = world.output(`packages.${system}.greeting`).paths ?? [];
    world.forget(`packages.${system}.greeting`);
    world.collectGarbage();
    assert.equal(existsSync(path), false);
    assert.equal((await world.call(["populate"])).status, 0);
    assert.equal(world.output(`packages.${system}.greeting`).status, "built");
    assert.equal(existsSync(path), true);
  });

  it("builds the one output that it is asked for, and leaves the report of the others as it was", async () => {
    world.forget(`packages.${system}.greeting`);
    const before = world.result().outputs.length;
    const { status, stdout } = await world.call(["populate", `packages.${system}.greeting`, "--json"]);
    assert.equal(status, 0);
    assert.deepEqual(JSON.parse(stdout), world.result());
    assert.equal(world.output(`packages.${system}.greeting`).status, "present");
    assert.equal(world.result().outputs.length, before);
  });

  it("keeps the last generations, as many as retention says", async () => {
    world.retention = { keepSystems: 1, keepPackages: 2 };
    for (const text of ["two", "three"]) {
      world.write(world.words, "words", text);
      world.lock();
      assert.equal((await world.call(["populate"])).status, 0);
    }
    const roots = world.roots();
    assert.equal(roots.desktop?.length, 1);
    assert.equal(roots[`packages.${system}.greeting`]?.length, 2);
    const [path = ""] = world.output("nixosConfigurations.desktop").paths ?? [];
    const link = join(world.env.NIX_BINARY_CACHE_ROOTS ?? "", "populate/desktop", basename(path));
    assert.equal(readlinkSync(link), path);
    assert.equal(lstatSync(link).mtime.toISOString(), world.result().started);
  });

  it("follows its configuration where that lists outputs, and takes a Mac's for a Mac's", async () => {
    world.populate.outputs = [`checks.${system}.spelling`, "darwinConfigurations.mac"];
    const { status, stdout } = await world.call(["populate"]);
    assert.equal(status, 0);
    assert.deepEqual(world.statuses(), { [`checks.${system}.spelling`]: "unchanged" });
    assert.match(stdout, /^left to the Macs and CI: darwinConfigurations\.mac$/m);
  });

  it("is off where the configuration says so, but for outputs that are named", async () => {
    Object.assign(world.populate, { enabled: false });
    const { status, stdout } = await world.call(["populate"]);
    assert.equal(status, 0);
    assert.match(stdout, /^populate is off/);
    assert.equal((await world.call(["populate", `checks.${system}.spelling`])).status, 0);
  });
});
