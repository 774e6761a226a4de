import assert from "node:assert/strict";
import { existsSync, lstatSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readResult } from "../../nix/cachectl/populate/result.ts";
import { nixOrSkip } from "../support/nix.ts";
import { processesOf } from "./populate-watch.ts";
import { outcome, PopulateWorld, removeWorlds } from "./populate-world.ts";

const kills = process.env.SOAK === undefined ? 8 : 60;

describe("populate that is killed", function () {
  this.timeout(kills * 60_000);
  let world: PopulateWorld;
  before(async function () {
    world = new PopulateWorld(await nixOrSkip(this));
    world.useFlake("good");
    world.lock();
  });
  after(removeWorlds);

  /** Targets of the roots that stand for something done. */
  function kept(): string[] {
    const folder = join(world.env.NIX_BINARY_CACHE_ROOTS ?? "", "populate");
    return Object.entries(world.roots()).flatMap(([group, names]) =>
      names.filter((name) => !name.startsWith(".")).map((name) => readlinkSync(join(folder, group, name))),
    );
  }

  async function ended(): Promise<void> {
    const deadline = Date.now() + 60_000;
    while (processesOf(world).length > 0) {
      if (Date.now() > deadline) throw new Error(`still running: ${processesOf(world).join("\n")}`);
      await sleep(50);
    }
  }

  it(`at ${kills} moments of a run leaves nothing that the next one can't go on from`, async () => {
    const started = Date.now();
    assert.equal((await world.call(["populate"])).status, 0);
    const whole = Date.now() - started;
    for (let kill = 0; kill < kills; kill++) {
      // Each round has everything to do: another input, fetched, evaluated and built.
      world.write(world.words, "words", `round ${kill}\n`);
      world.lock();
      const before = world.result();
      const child = world.start(["populate"]);
      const end = outcome(child);
      await sleep((whole * (kill + 0.5)) / kills);
      child.kill("SIGKILL");
      await end;
      await ended();
      world.collectGarbage();
      const result = readResult(join(world.state, "populate.json"));
      assert.ok(result !== undefined && result.started >= before.started);
      for (const path of kept()) assert.ok(existsSync(path), `${path} has a root and is not there`);
    }
    const { status, stdout, stderr } = await world.call(["populate"]);
    assert.equal(status, 0, stdout + stderr);
    assert.ok(Object.values(world.statuses()).every((status) => ["built", "unchanged", "left"].includes(status)));
    for (const { paths = [] } of world.result().outputs) assert.ok(paths.every((path) => existsSync(path)));
  });

  it("leaves no litter after the next run", () => {
    const names = [...Object.values(world.roots()).flat(), ...readdirSync(world.state)];
    assert.deepEqual(
      names.filter((name) => /^\.|\.tmp|\.new$/.test(name)),
      [],
    );
    assert.deepEqual(
      readdirSync(join(world.state, "populate")).filter((name) => name.endsWith(".new") || name === "evaluated"),
      [],
    );
    assert.ok(lstatSync(join(world.state, "populate.json")).isFile());
  });
});
