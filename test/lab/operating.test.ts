/** What docs/rotating-keys.md and docs/when-the-server-dies.md promise, done as they say, on real machines. */
import assert from "node:assert/strict";
import type { OperationResult } from "./engine/operation.ts";
import { adoptVars, varsOf } from "./job/clients.ts";
import { replaceServer } from "./job/lost-server.ts";
import { mainJob, narinfoUrl } from "./job/main-job.ts";
import { build, newPackage } from "./job/package.ts";
import { changed, mustSucceed } from "./job/told.ts";
import { placeVars } from "./world/furnish.ts";
import { release, testWorld, type TestWorld } from "./world/test-world.ts";
import { pulumi } from "./world/world.ts";

const MINUTE = 60_000;
const [first, second] = ["server-cache-1", "server-cache-2"] as const;

describe("operating it", function () {
  this.timeout(10 * MINUTE);
  let world: TestWorld;
  /** What the first `up` came to. */
  let stack: OperationResult;

  before("raise a lab of its own, and bring the stack up", async () => {
    world = await testWorld();
    stack = await rotate(first);
    await adoptVars(world, stack);
  });
  after("leave nothing behind", () => release(world));

  const up = (settings: object): Promise<OperationResult> =>
    pulumi(world, "up", { settings: { ...world.settings, ...settings } });

  /** `pulumi up`, the facts to the server's configuration, `pulumi up` again. */
  async function rotate(...keys: readonly string[]): Promise<OperationResult> {
    const { server } = world.machines;
    await placeVars(server, varsOf(mustSucceed(await up({ signing: { keys } }))));
    return mustSucceed(await up({ signing: { keys } }));
  }

  /** Names of the keys that a path is signed with, as the desktop sees them. */
  async function signersOf(path: string): Promise<string[]> {
    const { server, desktop } = world.machines;
    const url = narinfoUrl(`http://${server.address}:5000`, path);
    const { stdout } = await desktop.must(["curl", "--silent", "--fail", "--max-time", "10", url]);
    return [...stdout.matchAll(/^Sig: ([^:]+):/gm)].map(([, name = ""]) => name).sort();
  }

  /** The same of a new path of the server. */
  async function signers(): Promise<string[]> {
    return signersOf((await build(world.machines.server, newPackage("signed"))).path);
  }

  /** A package that the Mac builds from now on is substituted on the desktop, signed by these beside the Mac. */
  async function substitutes(now: OperationResult, ...keys: readonly string[]): Promise<void> {
    const job = await mainJob(world, varsOf(now).cache.url);
    assert.ok(job.substituted, job.fetched.log);
    assert.deepEqual(await signersOf(job.built.path), ["macbook-1", ...keys]);
  }

  /** `pulumi up` that takes keys away is refused, and has changed nothing. */
  async function refused(...keys: readonly string[]): Promise<string> {
    const result = await up({ signing: { keys } });
    assert.equal(result.ok, false, "was not refused");
    assert.deepEqual(changed(result), []);
    return result.message;
  }

  /** The desktop takes the stack's facts up, and looks at the cache, as its timer does each day. */
  async function switchDesktop(now: OperationResult): Promise<void> {
    await adoptVars(world, now);
    await world.machines.desktop.must(["cachectl", "doctor", "cache-info"]);
  }

  it("rotating by the new name alone is refused: no machine was told of it", async () => {
    assert.match(await refused(second), /machines trust only server-cache-1[^]*Keep server-cache-1 beside the new key/);
    assert.deepEqual(await signers(), [first]);
  });

  it("rotating has both sign, and both handed on, while both are on the list", async () => {
    const both = await rotate(first, second);
    const names = varsOf(both).cache.publicKeys.map((key) => key.split(":")[0]);
    assert.deepEqual(names, [first, second]);
    assert.deepEqual(await signers(), [first, second]);
    // The desktop trusts the old one alone.
    await substitutes(both, first, second);
    await world.machines.desktop.must(["cachectl", "doctor", "cache-info"]);
    assert.match(await refused(second), new RegExp(`desktop .* trusts only ${first}: switch it to the new nix/vars`));
    // After a leak, nobody waits for it.
    const anyway = { signing: { keys: [second], retireUnconfirmed: true } };
    const preview = await pulumi(world, "preview", { settings: { ...world.settings, ...anyway } });
    assert.ok(changed(mustSucceed(preview)).includes(`delete signing-key-${first}`), changed(preview).join(", "));
    await switchDesktop(both);
    const { server, desktop } = world.machines;
    // What no machine of ours says, is no word.
    for (const value of ["a%20b", "%0a1%20100.64.0.1%20x", '"\\', "x".repeat(70), "a,".repeat(40), ""])
      await desktop.must(["curl", "-sf", "-m", "5", "-g", `${varsOf(both).cache.url}/nix-cache-info?trusts=${value}`]);
    const { stdout } = await server.must(["cachectl", "clients"]);
    assert.match(stdout, new RegExp(`^${desktop.address} +desktop +${first}, ${second} `, "m"));
  });

  it("rotating ends with the new one alone; the old one's secret half stays where it is", async () => {
    await substitutes(await rotate(second), second);
    assert.deepEqual(await signers(), [second]);
    assert.ok(await world.machines.server.exists(`/var/lib/secrets/nix-binary-cache/${first}.secret`));
  });

  it("rotating can be undone: the old one is taken up again, the same as before, and so is the new one", async () => {
    await rotate(first, second);
    const back = await rotate(first);
    assert.deepEqual(varsOf(back).cache.publicKeys, varsOf(stack).cache.publicKeys);
    await switchDesktop(back);
    await substitutes(back, first);
    await switchDesktop(await rotate(first, second));
    await rotate(second);
  });

  it("a new server in the old one's place gets all that was on it, by its new host key alone", async () => {
    const { server } = world.machines;
    const again = mustSucceed(await up({ signing: { keys: [second] }, server: await replaceServer(world) }));
    for (const name of [
      `signing-key-${second}`,
      "cache-deploy",
      "cache-builder-macbook",
      "cache-builder-ci",
      "macbook-install",
    ])
      assert.ok(
        changed(again).some((step) => step.endsWith(` ${name}`)),
        `${name} in ${changed(again).join(", ")}`,
      );
    assert.deepEqual(
      changed(again).filter((step) => step.startsWith("delete tailnet") || step.startsWith("delete ci")),
      [],
    );
    const { stdout } = await server.must(["cachectl", "builders", "list"]);
    assert.match(stdout, /^macbook\t/m);
    assert.match(stdout, /^ci\t/m);
    assert.deepEqual(await signers(), [second]);
  });
});
