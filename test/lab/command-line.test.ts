/**
 * The program as its users run it: Pulumi's own command and its language host for Node, in this folder. The other tests
 * drive the engine with the program inside their own process, which needs no language host; where none lies beside the
 * engine (Pulumi's release has one, a build of the engine's module has not), these are skipped.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { engineFolders } from "./engine/environment.ts";
import { LANGUAGE_HOST } from "./engine/release.ts";
import { changed, mustSucceed } from "./job/told.ts";
import type { Ended } from "./machines/process.ts";
import { asOperator, pulumiOfOperator } from "./world/operator-commands.ts";
import { release, testWorld, type TestWorld } from "./world/test-world.ts";
import { pulumi } from "./world/world.ts";

const MINUTE = 60_000;
const ROOT = join(import.meta.dirname, "../..");

describe("pulumi, as its users type it", function () {
  this.timeout(5 * MINUTE);
  let world: TestWorld | undefined;
  let configuration = "";

  before("raise a lab of its own, and write its stack's configuration", async function () {
    const { path, runsPrograms } = await pulumiOfOperator();
    if (!runsPrograms) {
      console.warn(`      skipped: there is no ${LANGUAGE_HOST} beside ${path}`);
      this.skip();
    }
    world = await testWorld();
    configuration = join(engineFolders(world.instance.dir).work, "Pulumi.lab.yaml");
    mustSucceed(await pulumi(world, "preview"));
  });
  after("leave nothing behind", () => release(world));

  function type(verb: string, ...more: readonly string[]): Promise<Ended> {
    assert.ok(world);
    const stack = ["--stack", "lab", "--config-file", configuration, "--cwd", ROOT, "--non-interactive"];
    return asOperator(world, ["pulumi", verb, ...stack, "--color", "never", ...more]);
  }

  it("says what is wrong with the configuration, and shows no JavaScript", async () => {
    const kept = readFileSync(configuration, "utf8");
    writeFileSync(configuration, kept.replace("nix-binary-cache:cache:", "nix-binary-cache:cash:"));
    try {
      const { code, stdout, stderr } = await type("preview");
      assert.notEqual(code, 0);
      assert.match(stdout, /cash: is no setting|cash/);
      assert.doesNotMatch(stdout + stderr, /^\s+at .*:\d+:\d+\)?$/m);
    } finally {
      writeFileSync(configuration, kept);
    }
  });

  it("says what is wrong with the machines, and shows no JavaScript", async () => {
    assert.ok(world);
    await world.machines.server.cut();
    try {
      const { code, stdout, stderr } = await type("preview");
      assert.notEqual(code, 0);
      assert.match(stdout, /server "server" .* it cannot be reached/);
      assert.doesNotMatch(stdout + stderr, /^\s+at .*:\d+:\d+\)?$/m);
    } finally {
      await world.machines.server.restore();
    }
  });

  it("puts the stack up, and has then nothing to change", async () => {
    const up = await type("up", "--yes", "--skip-preview");
    assert.equal(up.code, 0, up.stdout + up.stderr);
    assert.match(up.stdout, /\+ \d+ created/);
    const again = await type("preview", "--expect-no-changes");
    assert.equal(again.code, 0, again.stdout + again.stderr);
    assert.match(again.stdout, /\d+ unchanged/);
  });

  it("is the same program as the one that the other tests run in their own process", async () => {
    assert.ok(world);
    assert.deepEqual(changed(mustSucceed(await pulumi(world, "preview"))), []);
  });

  it("takes the stack down", async () => {
    const down = await type("destroy", "--yes", "--skip-preview");
    assert.equal(down.code, 0, down.stdout + down.stderr);
    assert.match(down.stdout, /- \d+ deleted/);
  });
});
