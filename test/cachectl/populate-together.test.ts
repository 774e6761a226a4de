import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { nixOrSkip } from "../support/nix.ts";
import { counted } from "./populate-watch.ts";
import { PopulateWorld, removeWorlds, system } from "./populate-world.ts";

const packages = ["one", "two", '"od.d ${x}\\y"'].map((name) => `packages.${system}.${name}`);
const [a, b, c] = ["a", "b", "c"].map((name) => `checks.${system}.${name}`) as [string, string, string];
const machine = "nixosConfigurations.desktop";

describe("populate evaluates together", function () {
  this.timeout(180_000);
  let world: PopulateWorld;
  beforeEach(async function () {
    world = new PopulateWorld(await nixOrSkip(this));
    world.useFlake("many");
  });
  afterEach(removeWorlds);

  const evaluations = (calls: readonly string[]): string[] =>
    calls.filter((call) => call === "eval" || call === "nix-eval-jobs");
  const change = (): void => {
    world.write(world.repository, "README.md", String(Math.random()));
  };

  it("the packages of a set, whatever their names are", async () => {
    world.populate.outputs = [...packages, machine];
    const { status, calls, stdout } = await counted(world, ["populate"]);
    assert.equal(status, 0, stdout);
    assert.deepEqual(world.statuses(), Object.fromEntries([...packages, machine].map((name) => [name, "built"])));
    // One for the set, one for the machine.
    assert.equal(evaluations(calls).length, 2);
    assert.deepEqual(
      world.output(packages[2] ?? "").paths?.map((path) => world.read(path)),
      ["3\n"],
    );
    change();
    const again = await counted(world, ["populate"]);
    assert.deepEqual(new Set(Object.values(world.statuses())), new Set(["unchanged"]));
    assert.equal(evaluations(again.calls).length, 2);
  });

  it("and one that fails costs only itself; the next time the others are evaluated without it", async () => {
    world.populate.outputs = [a, b, c];
    const { status, calls } = await counted(world, ["populate"]);
    assert.equal(status, 1);
    assert.deepEqual(world.statuses(), { [a]: "built", [b]: "failed", [c]: "built" });
    assert.equal(world.output(b).reason, "evaluation: not today");
    // Together, then each.
    assert.equal(evaluations(calls).length, 4);
    change();
    const again = await counted(world, ["populate"]);
    assert.deepEqual(world.statuses(), { [a]: "unchanged", [b]: "failed", [c]: "unchanged" });
    assert.equal(evaluations(again.calls).length, 2);
  });

  it("leaves no roots of derivations behind", async () => {
    world.populate.outputs = packages;
    await world.call(["populate"]);
    const names = Object.values(world.roots()).flat();
    assert.ok(names.length === 3 && names.every((name) => !name.endsWith(".drv")), names.join());
    assert.equal(existsSync(join(world.state, "populate/evaluated")), false);
  });

  describe("everything with nix-eval-jobs (a double)", () => {
    beforeEach(() => {
      const bin = join(world.folder, "bin");
      mkdirSync(bin);
      copyFileSync(join(import.meta.dirname, "populate-flakes/eval-jobs-double.sh"), join(bin, "nix-eval-jobs"));
      world.env.PATH = `${bin}:${world.env.PATH}`;
      world.populate.outputs = [...packages, machine, a, b];
    });

    it("and on their own only those that fail, for their reason", async () => {
      const { status, calls, stdout } = await counted(world, ["populate"]);
      assert.equal(status, 1, stdout);
      const built = [...packages, machine, a].map((name) => [name, "built"]);
      assert.deepEqual(world.statuses(), { ...Object.fromEntries(built), [b]: "failed" });
      assert.equal(world.output(b).reason, "evaluation: not today");
      assert.deepEqual(evaluations(calls), ["nix-eval-jobs", "eval"]);
    });

    it("and the rest on their own when it dies", async () => {
      world.env.BROKEN_AFTER = "2";
      world.populate.outputs = [...packages, machine];
      const { status, calls, stdout } = await counted(world, ["populate"]);
      assert.equal(status, 0, stdout);
      assert.deepEqual(evaluations(calls), ["nix-eval-jobs", "eval", "eval"]);
    });
  });
});
