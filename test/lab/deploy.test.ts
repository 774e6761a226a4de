/** A deploy proves itself, or the system before it is back: every fault on a real machine, and what the engine makes of it. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { varsOf } from "./job/clients.ts";
import { beginDeploy, configure, deploy, systemsOf, type Expected } from "./job/deploy.ts";
import { statusOf } from "./job/main-job.ts";
import { changed, mustSucceed } from "./job/told.ts";
import { release, testWorld, type TestWorld } from "./world/test-world.ts";
import { pulumi } from "./world/world.ts";

const MINUTE = 60_000;

describe("deploy", function () {
  this.timeout(5 * MINUTE);
  let world: TestWorld;
  let expected: Expected;

  before("raise a lab of its own, and deploy once", async () => {
    world = await testWorld();
    const up = mustSucceed(await pulumi(world, "up"));
    const { cache } = varsOf(up);
    expected = { url: cache.url, publicKeys: cache.publicKeys };
  });
  after("leave nothing behind", () => release(world));
  afterEach("the cache serves", async () => {
    assert.equal(await statusOf(world.machines.desktop, `${expected.url}/nix-cache-info`), 200);
  });

  /** A deploy of this addition fails, says why, and leaves the system as it was. */
  async function failsBack(addition: string, ...said: readonly RegExp[]): Promise<void> {
    const { server } = world.machines;
    await configure(server, "");
    mustBeGood(await deploy(world, expected));
    const before = await systemsOf(server);
    assert.equal(before.current, before.profile);
    await configure(server, addition);
    const { code, stderr } = await deploy(world, expected);
    assert.notEqual(code, 0, "the deploy went through");
    for (const pattern of said) assert.match(stderr, pattern);
    assert.match(stderr, /then run pulumi up again/);
    assert.deepEqual(await systemsOf(server), before);
  }

  function mustBeGood({ code, stderr }: { code: number; stderr: string }): void {
    assert.equal(code, 0, stderr);
  }

  it("a build that fails changes nothing", async () => {
    const broken = `derivation { name = "broken"; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "echo no such header >&2; exit 1" ]; }`;
    await failsBack(
      `environment.etc."broken".source = ${broken};`,
      /the build failed on server/,
      /no such header/,
      /Nothing was changed/,
    );
  });

  it("a unit of ours that does not start brings the system before it back", async () => {
    await failsBack(
      `services.nginx.appendConfig = "nonsense;";`,
      /the activation of .* failed on server/,
      /unknown directive "nonsense"/,
      /previous system, .*, is back/,
    );
  });

  it("a unit that is not ours is let be", async () => {
    const { server } = world.machines;
    await configure(
      server,
      `systemd.services.other = { wantedBy = [ "multi-user.target" ]; serviceConfig = { Type = "oneshot"; ExecStart = "/bin/false"; }; };`,
    );
    mustBeGood(await deploy(world, expected));
    const failed = await server.must(["systemctl", "list-units", "--failed", "--no-legend", "--plain"]);
    assert.match(failed.stdout, /^other\.service/m);
  });

  it("a cache that signs with another key is not accepted", async () => {
    const { server } = world.machines;
    const make =
      "cd /var/lib/secrets/nix-binary-cache && { test -e other-1.secret || nix-store --generate-binary-cache-key other-1 other-1.secret other-1.pub; }";
    await server.must(["sh", "-c", make]);
    await failsBack(
      `services.nix-binary-cache.server.signing.keys = [ "other-1" ];`,
      /the proof that .* serves failed/,
      /signature/,
      /previous system, .*, is back/,
    );
  });

  it("another port than the one that clients were told is not accepted", async () => {
    await failsBack(`services.nix-binary-cache.server.port = 5999;`, /the proof that .* serves failed/);
  });

  it("a cache that serves nothing is not accepted", async () => {
    await failsBack(`services.nix-binary-cache.server.harmonia.enable = false;`, /the proof that .* serves failed/);
  });

  /** A system whose switch takes some seconds. */
  function slow(name: string): string {
    return `systemd.services.slow-${name} = { wantedBy = [ "multi-user.target" ]; serviceConfig = { Type = "oneshot"; RemainAfterExit = true; ExecStart = "/bin/sleep 4"; }; };`;
  }

  async function untilSwitching(before: string): Promise<void> {
    for (let tries = 0; tries < 600; tries += 1) {
      if ((await systemsOf(world.machines.server)).profile !== before) return;
      await sleep(50);
    }
    throw new Error("the deploy has not come to its switch");
  }

  it("goes on when ssh is lost during the switch", async () => {
    const { server } = world.machines;
    const before = await systemsOf(server);
    await configure(server, slow("lost"));
    const running = beginDeploy(world, expected);
    await untilSwitching(before.profile);
    running.hangUp();
    await running.ended;
    // The lock is free once the deploy that nobody listens to has ended.
    await server.must(["flock", "/var/lib/nix-binary-cache/deploy/lock", "true"], { timeoutSeconds: 90 });
    const after = await systemsOf(server);
    assert.notEqual(after.current, before.current);
    assert.equal(after.current, after.profile);
    assert.equal((await server.run(["systemctl", "is-active", "slow-lost"])).stdout.trim(), "active");
  });

  it("two at once come one after the other", async () => {
    await configure(world.machines.server, slow("twice"));
    for (const done of await Promise.all([deploy(world, expected), deploy(world, expected)])) mustBeGood(done);
    const { current, profile } = await systemsOf(world.machines.server);
    assert.equal(current, profile);
  });

  it("one that was cut off half-way is mended by the next", async () => {
    const { server } = world.machines;
    const before = await systemsOf(server);
    await configure(server, slow("cut"));
    const running = beginDeploy(world, expected);
    await untilSwitching(before.profile);
    await server.reboot();
    running.hangUp();
    await running.ended;
    mustBeGood(await deploy(world, expected));
    const after = await systemsOf(server);
    assert.equal(after.current, after.profile);
    assert.notEqual(after.current, before.current);
  });

  it("a full disk is said, and changes nothing", async () => {
    const { server } = world.machines;
    const before = await systemsOf(server);
    const state = "/var/lib/nix-binary-cache/deploy";
    await server.must(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", state]);
    try {
      await server.run(["dd", "if=/dev/zero", `of=${state}/fill`, "bs=4k", "count=16"]);
      const { code, stderr } = await deploy(world, expected);
      assert.notEqual(code, 0);
      assert.match(stderr, /deploy\/log on server cannot be written: 0 free on /);
      assert.match(stderr, /Nothing was changed\. Free some space there/);
      assert.deepEqual(await systemsOf(server), before);
    } finally {
      await server.must(["umount", state]);
    }
  });

  it("through the engine: up fails with the step, the unit's last lines and what to do; mended, the next up succeeds", async () => {
    const { server } = world.machines;
    await configure(server, `services.nginx.appendConfig = "nonsense;";`);
    const failed = await pulumi(world, "up");
    assert.equal(failed.ok, false);
    assert.match(failed.message, /the activation of .* failed on server/);
    assert.match(failed.message, /unknown directive "nonsense"/);
    assert.match(failed.message, /run pulumi up again/);
    const again = mustSucceed(await pulumi(world, "preview"));
    assert.ok(
      changed(again).some((step) => step.endsWith("cache-deploy")),
      "a failed deploy is not taken for done",
    );
    await configure(server, `environment.etc."mended".text = "yes";`);
    mustSucceed(await pulumi(world, "up"));
    assert.equal(await server.readFile("/etc/mended"), "yes");
    assert.deepEqual(changed(mustSucceed(await pulumi(world, "preview"))), []);
  });

  it("a Mac whose nix.conf is somebody else's link keeps it: up says so, and what to do", async () => {
    const { macbook } = world.machines;
    const [file, kept] = ["/etc/nix/nix.conf", "/etc/nix/dotfiles.conf"];
    const without = (await macbook.readFile(file)).replace(/^!include nix-binary-cache\.conf\n/m, "");
    await macbook.writeFile(kept, without, 0o644);
    await macbook.must(["ln", "-sf", kept, file]);
    const settings = { ...world.settings, uploads: { exclude: ["*-secret"] } };
    const failed = await pulumi(world, "up", { settings });
    assert.equal(failed.ok, false);
    assert.match(
      failed.message,
      /\/etc\/nix\/nix\.conf is a link to \/etc\/nix\/dotfiles\.conf, so it is not written here/,
    );
    assert.equal((await macbook.must(["readlink", file])).stdout.trim(), kept);
    assert.equal(await macbook.readFile(kept), without);
    await macbook.writeFile(kept, `${without}!include nix-binary-cache.conf\n`, 0o644);
    mustSucceed(await pulumi(world, "up", { settings }));
    assert.equal((await macbook.must(["readlink", file])).stdout.trim(), kept);
  });
});
