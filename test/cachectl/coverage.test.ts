import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Coverage, Download } from "../../nix/cachectl/coverage/coverage.ts";
import { nixOrSkip } from "../support/nix.ts";
import { PopulateWorld, removeWorlds, system } from "./populate-world.ts";

describe("coverage, with the real Nix", function () {
  this.timeout(180_000);
  let world: PopulateWorld;
  let cache: string;
  let flake: string;
  const app = `packages.${system}.app`;

  before(async function () {
    world = new PopulateWorld(await nixOrSkip(this));
    world.useText(readFileSync(join(import.meta.dirname, "coverage-flake/flake.nix"), "utf8"));
    flake = `git+file://${world.repository}`;
    cache = `file://${join(world.folder, "cache")}`;
  });
  after(removeWorlds);

  const names = (list: readonly { readonly name: string }[]): string[] => list.map(({ name }) => name);
  async function coverage(
    ...args: readonly string[]
  ): Promise<{ readonly status: number | null; readonly of: Coverage }> {
    const { status, stdout, stderr } = await world.call(["coverage", `${flake}#${app}`, "--json", ...args]);
    assert.notEqual(stdout, "", stderr);
    return { status, of: JSON.parse(stdout) as Coverage };
  }

  it("tells what would be built, and builds nothing", async () => {
    const { status, stdout } = await world.call(["coverage", `${flake}#${app}`]);
    assert.equal(status, 0);
    assert.equal(
      stdout.replace(/at [0-9a-f]{8}/, "at REVISION"),
      [
        `${app} (${system}) at REVISION, for this machine`,
        "  to build     2 derivations",
        "    app",
        "    library",
        "  sources      1, from where they are published",
        "  made here    1 derivation, whatever a cache has",
        "  to download  nothing",
        "not covered: let the server build it first (cachectl populate), or expect to build 2",
        "",
      ].join("\n"),
    );
    assert.equal(existsSync(join(world.env.NIX_BINARY_CACHE_ROOTS ?? "", "populate")), false);
    const { of } = await coverage();
    assert.deepEqual(
      [names(of.builds), names(of.sources), names(of.local)],
      [["app", "library"], ["source.txt"], ["settings"]],
    );
  });

  it("fails in CI when there are more builds than allowed, and not when there are as many", async () => {
    const strict = await world.call(["coverage", `${flake}#${app}`, "--fail-if-builds", "1"]);
    assert.equal(strict.status, 3);
    assert.match(strict.stderr, /2 to be built, at most 1 are allowed/);
    assert.equal((await world.call(["coverage", `${flake}#${app}`, "--fail-if-builds", "2"])).status, 0);
  });

  it("tells what a cache has, by name and bytes, compressed and not", async () => {
    const library = world.nix("build", "--no-link", "--print-out-paths", `${flake}#packages.${system}.library`).trim();
    world.nix("copy", "--to", cache, library);
    world.collectGarbage();
    const { status, of } = await coverage("--substituter", cache, "--fail-if-builds", "1");
    assert.equal(status, 0);
    assert.deepEqual([names(of.builds), names(of.local), names(of.downloads)], [["app"], ["settings"], ["library"]]);
    const [download] = of.downloads as readonly [Download];
    const narinfo = readFileSync(
      join(world.folder, "cache", `${library.split("/").at(-1)?.slice(0, 32)}.narinfo`),
      "utf8",
    );
    assert.equal(download.fileBytes, Number(/^FileSize: (\d+)$/m.exec(narinfo)?.[1]));
    assert.equal(download.narBytes, Number(/^NarSize: (\d+)$/m.exec(narinfo)?.[1]));
    assert.deepEqual(
      [download.from, of.downloadBytes, of.unpackedBytes],
      [cache, download.fileBytes, download.narBytes],
    );
    assert.ok(of.unpackedBytes > 300_000 && of.downloadBytes < 100_000);
  });

  it("of a machine that has nothing counts what this one has, too", async () => {
    const built = world.nix("build", "--no-link", "--print-out-paths", `${flake}#${app}`).trim();
    assert.ok(existsSync(built));
    const here = await coverage("--fail-if-builds", "0");
    assert.deepEqual([here.status, here.of.builds, here.of.downloads], [0, [], []]);
    const other = await coverage("--empty", "--fail-if-builds", "0");
    assert.equal(other.status, 3);
    assert.deepEqual(names(other.of.builds), ["app", "library"]);
    const served = await coverage("--empty", "--substituter", cache);
    assert.deepEqual([names(served.of.builds), names(served.of.downloads)], [["app"], ["library"]]);
  });

  it("takes a reference as Nix does from where it is called", async () => {
    const { status, stdout } = await world.call(["coverage", `./repository#${app}`]);
    assert.equal(status, 0);
    assert.match(stdout, /^covered: nothing has to be built$/m);
  });

  for (const args of [
    [],
    ["."],
    [".#a", ".#b"],
    [".#"],
    [".#a..b"],
    [".#a", "--fail-if-builds", "few"],
    [".#a", "--nonsense"],
  ]) {
    it(`refuses ${JSON.stringify(args)} with what it expected`, async () => {
      const { status, stdout, stderr } = await world.call(["coverage", ...args]);
      assert.equal(status, 2);
      assert.equal(stdout, "");
      assert.match(stderr, /^cachectl: .*(?:expected one FLAKE#OUTPUT|no attribute path|takes a number|--nonsense)/);
    });
  }

  it("tells the step that failed and Nix's reason", async () => {
    const broken = await world.call(["coverage", `${flake}#packages.${system}.broken`]);
    assert.deepEqual([broken.status, broken.stderr], [1, "cachectl: evaluation: not for this machine\n"]);
    const absent = await world.call(["coverage", `${flake}#packages.${system}.absent`]);
    assert.equal(absent.status, 1);
    assert.match(absent.stderr, /^cachectl: evaluation: .*does not provide attribute/);
    const nowhere = await world.call(["coverage", `${world.folder}/nowhere#x`]);
    assert.match(nowhere.stderr, /^cachectl: reading the flake: .*nowhere/);
  });
});
