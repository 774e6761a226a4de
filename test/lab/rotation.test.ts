/** The server's signing key is replaced without a moment in which a machine is left behind; each step can be undone. */
import assert from "node:assert/strict";
import { adoptVars, rebuild, varsOf } from "./job/clients.ts";
import { mainJob, narinfoUrl } from "./job/main-job.ts";
import { mustSucceed } from "./job/told.ts";
import type { OperationResult } from "./engine/operation.ts";
import { placeVars } from "./world/furnish.ts";
import { testWorld, type TestWorld } from "./world/test-world.ts";
import { pulumi } from "./world/world.ts";

const MINUTE = 60_000;
const [OLD, NEW] = ["server-cache-1", "server-cache-2"];

describe("rotating the server's signing key", function () {
  this.timeout(5 * MINUTE);
  let world: TestWorld;
  let first: OperationResult;

  before("raise a lab of its own", async function () {
    this.timeout(45 * MINUTE);
    world = await testWorld();
    first = await upWith([OLD]);
    await adoptVars(world, first);
  });
  after("leave nothing behind", async () => {
    await world.release();
  });

  /** `pulumi up`; the server's owner commits the facts; `pulumi up`. */
  async function upWith(keys: readonly string[]): Promise<OperationResult> {
    const settings = { ...world.settings, signing: { ...(world.settings.signing as object | undefined), keys } };
    const told = mustSucceed(await pulumi(world, "up", { settings }));
    await placeVars(world.machines.server, varsOf(told));
    return mustSucceed(await pulumi(world, "up", { settings }));
  }

  /** Names of the server's keys that a path was signed with, as a machine sees them; the builder's own stands beside. */
  async function signers(url: string, path: string): Promise<string[]> {
    const { stdout } = await world.machines.desktop.must(["curl", "--silent", "--fail", narinfoUrl(url, path)]);
    return [...stdout.matchAll(/^Sig: (server-[^:]+):/gm)].map(([, name = ""]) => name);
  }

  it("adds a key: both sign, and a machine that trusts the old one alone is served as before", async () => {
    const both = await upWith([OLD, NEW]);
    const { cache } = varsOf(both);
    assert.deepEqual(
      cache.publicKeys.map((key) => key.split(":")[0]),
      [OLD, NEW],
    );
    const job = await mainJob(world, cache.url);
    assert.ok(job.substituted, job.fetched.log);
    assert.deepEqual((await signers(cache.url, job.built.path)).sort(), [OLD, NEW]);
  });

  it("retires the old one once machines trust both", async () => {
    const both = mustSucceed(
      await pulumi(world, "up", { settings: { ...world.settings, signing: { keys: [OLD, NEW] } } }),
    );
    await adoptVars(world, both);
    const after = await upWith([NEW]);
    const job = await mainJob(world, varsOf(after).cache.url);
    assert.ok(job.substituted, job.fetched.log);
    assert.deepEqual(await signers(varsOf(after).cache.url, job.built.path), [NEW]);
  });

  it("takes the old one up again, the same as before", async () => {
    await upWith([OLD, NEW]);
    const back = await upWith([OLD]);
    assert.deepEqual(varsOf(back).cache.publicKeys, varsOf(first).cache.publicKeys);
    await placeVars(world.machines.desktop, varsOf(back));
    await rebuild(world.machines.desktop, "desktop");
    assert.ok((await mainJob(world, varsOf(back).cache.url)).substituted);
  });
});
