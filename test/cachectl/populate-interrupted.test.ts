import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { nixOrSkip } from "../support/nix.ts";
import { processesOf } from "./populate-watch.ts";
import { outcome, PopulateWorld, removeWorlds, system } from "./populate-world.ts";

describe("populate that is interrupted", function () {
  this.timeout(300_000);
  let world: PopulateWorld;
  const group = (name: string): string => `packages.${system}.${name}`;
  const openGate = (): void => {
    writeFileSync(join(world.folder, "gate"), "");
  };

  beforeEach(async function () {
    world = new PopulateWorld(await nixOrSkip(this));
    world.useFlake("gated");
  });
  afterEach(removeWorlds);

  async function until(what: string, holds: () => boolean): Promise<void> {
    const deadline = Date.now() + 120_000;
    while (!holds()) {
      await sleep(50);
      if (Date.now() > deadline) throw new Error(`not within two minutes: ${what}\n${processesOf(world).join("\n")}`);
    }
  }

  /** Starts a run and waits until it builds the output that does not end. */
  async function startedAtB(): Promise<ChildProcess> {
    const child = world.start(["populate"]);
    await until("b is being built", () => processesOf(world).some((line) => line.includes("/gate ]")));
    return child;
  }

  it("by a second run: only the first one works, and the second says so", async () => {
    const first = await startedAtB();
    const firstEnd = outcome(first);
    const second = await world.call(["populate"]);
    assert.equal(second.status, 75);
    assert.match(second.stderr, /another run of populate is at it/);
    openGate();
    assert.equal((await firstEnd).status, 0);
    assert.deepEqual(new Set(Object.values(world.statuses())), new Set(["built"]));
  });

  it("by SIGTERM ends its build, tells what it did, and the next run does the rest", async () => {
    const child = await startedAtB();
    const end = outcome(child);
    child.kill("SIGTERM");
    assert.equal((await end).status, 143);
    assert.equal(world.result().stopped, true);
    assert.deepEqual(world.statuses(), { [group("a")]: "built" });
    assert.deepEqual(Object.keys(world.roots()), [group("a")]);
    await until("nothing runs", () => processesOf(world).length === 0);
    openGate();
    assert.equal((await world.call(["populate"])).status, 0);
    assert.deepEqual(world.statuses(), { [group("a")]: "unchanged", [group("b")]: "built", [group("c")]: "built" });
  });

  it("by SIGKILL takes its build with it, keeps what was done, and the next run mends the rest", async () => {
    const child = await startedAtB();
    const end = outcome(child);
    child.kill("SIGKILL");
    assert.equal((await end).status, null);
    await until("nothing runs", () => processesOf(world).length === 0);
    assert.equal(existsSync(join(world.state, "populate.json")), false);
    // What was held for b is still there: a garbage collection in between spares it.
    assert.ok(world.roots()[group("b")]?.every((name) => name.startsWith(".pending-")));
    world.collectGarbage();
    openGate();
    assert.equal((await world.call(["populate"])).status, 0);
    assert.deepEqual(world.statuses(), { [group("a")]: "unchanged", [group("b")]: "built", [group("c")]: "built" });
    const names = Object.values(world.roots()).flat();
    assert.ok(names.length === 3 && names.every((name) => !name.startsWith(".")), names.join());
  });

  it("while its result is written leaves the last one", async () => {
    openGate();
    assert.equal((await world.call(["populate"])).status, 0);
    const before = world.result();
    rmSync(join(world.folder, "gate"));
    world.forget(group("b"));
    world.collectGarbage();
    const child = await startedAtB();
    assert.deepEqual(world.result(), before);
    child.kill("SIGKILL");
    await outcome(child);
    assert.deepEqual(world.result(), before);
    assert.deepEqual(
      readdirSync(world.state).filter((name) => name.startsWith("populate.json")),
      ["populate.json"],
    );
  });
});
