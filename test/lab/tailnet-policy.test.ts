/** The tailnet's policy under other people's hands while Pulumi works on it: the real engine, its hooks, and the destroy. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { changed, mustSucceed } from "./job/told.ts";
import type { Settings } from "./world/stack.ts";
import { readPolicy, USERS_POLICY, writePolicy } from "./world/stand-ins.ts";
import { release, testWorld, type TestWorld } from "./world/test-world.ts";
import { operatorEnvironment, pulumi, type RunOptions } from "./world/world.ts";

const MINUTE = 60_000;
const users = readFileSync(USERS_POLICY, "utf8");
const ours = /nix-binary-cache/;

/** The policy with a rule more, as an administrator adds one in the console. */
function withRule(policy: string, port: number): string {
  return policy.replace(
    '"acls": [',
    `"acls": [\n    { "action": "accept", "src": ["group:ops"], "dst": ["*:${port}"] },`,
  );
}

describe("the tailnet's policy, under several hands", function () {
  this.timeout(5 * MINUTE);
  let world: TestWorld;
  let settings: Settings;

  before("raise a lab of its own, and a stack without CI and builders", async () => {
    world = await testWorld();
    const { server, cache, tailnet } = world.settings;
    settings = { server, cache, tailnet };
  });
  after("leave nothing behind", () => release(world));

  function run(operation: Parameters<typeof pulumi>[1], options: RunOptions = {}): ReturnType<typeof pulumi> {
    return pulumi(world, operation, { settings, ...options });
  }

  async function faults(method: "POST" | "DELETE", ...list: object[]): Promise<void> {
    const body = method === "POST" ? { body: JSON.stringify(list) } : {};
    await fetch(`${world.standIns.tailscale}/_lab/faults`, { method, ...body });
  }

  it("shows in a preview what changes, and changes nothing", async () => {
    const preview = mustSucceed(await run("preview"));
    assert.match(
      preview.stdout,
      /^.*\+.*"src": \["autogroup:member"\], "dst": \["tag:nix-cache"\], "ip": \["tcp:5000"\]/m,
    );
    assert.equal(await readPolicy(world), users);
  });

  it("refuses to write over an edit that somebody made since the policy was read", async () => {
    // While Tailscale tries the merged policy, somebody saves another one.
    await faults("POST", { kind: "slow", milliseconds: 3_000, path: "/acl/validate", times: 1 });
    const edited = withRule(users, 443);
    const up = run("up");
    await calledSince(world, "/acl/validate");
    await writePolicy(world, edited);
    const result = await up;
    assert.equal(result.ok, false, "it went through");
    assert.match(result.message, /changed by somebody else since this run read it; nothing was written/);
    assert.equal(await readPolicy(world), edited);
  });

  it("then goes on from what is there", async () => {
    mustSucceed(await run("up"));
    const policy = await readPolicy(world);
    assert.match(policy, ours);
    assert.match(policy, /"\*:443"/);
  });

  it("takes nobody's later edit for a change of its own", async () => {
    await writePolicy(world, withRule(await readPolicy(world), 8443));
    const before = await readPolicy(world);
    assert.deepEqual(changed(mustSucceed(await run("up", { options: { expectNoChanges: true } }))), []);
    assert.equal(await readPolicy(world), before);
  });

  it("puts its entries back where somebody took them out by hand, also when Pulumi's state shows no change", async () => {
    await writePolicy(world, users);
    assert.deepEqual(changed(mustSucceed(await run("up"))), ["update tailnet-policy"]);
    const policy = await readPolicy(world);
    assert.match(policy, ours);
    await writePolicy(world, users);
    const result = mustSucceed(await run("up"));
    assert.deepEqual(changed(result), []);
    assert.equal(await readPolicy(world), policy);
    assert.match(result.stdout, /had been changed in the tailnet's policy by hand; they are put back/);
  });

  it("says what is wrong when Tailscale fails, and writes nothing", async () => {
    const before = await readPolicy(world);
    for (const [fault, message] of [
      [{ kind: "html" }, /web page \(502\) where Tailscale's API should be/],
      [
        { kind: "status", status: 403, message: "not allowed" },
        /\(403, "not allowed"\)\. The credential needs the scope policy_file:read/,
      ],
      [{ kind: "status", status: 429, retryAfterSeconds: 900 }, /limits the rate .*Try again in 900 s/],
    ] as const) {
      await faults("POST", { ...fault, path: "/acl" });
      const result = await run("preview");
      await faults("DELETE");
      assert.equal(result.ok, false);
      assert.match(result.message, message);
      assert.doesNotMatch(result.message, /\n\s+at .*:\d+:\d+/);
    }
    assert.equal(await readPolicy(world), before);
  });

  it("refuses a destroy without a credential for Tailscale, and takes the entries out with the next", async () => {
    const env = Object.fromEntries(
      Object.entries(operatorEnvironment(world)).filter(([name]) => name !== "TAILSCALE_API_KEY"),
    );
    const refused = await run("destroy", { env });
    assert.equal(refused.ok, false);
    assert.match(
      `${refused.message}${refused.stderr}`,
      /no credentials to take tag:nix-cache out of the tailnet's policy/,
    );
    assert.match(await readPolicy(world), ours);
    // Meanwhile somebody changed an entry of ours, and one of theirs.
    const policy = withRule(await readPolicy(world), 9443);
    await writePolicy(world, policy.replace('"ip": ["tcp:5000"]', '"ip": ["tcp:5000", "tcp:5001"]'));
    mustSucceed(await run("destroy"));
    assert.equal(await readPolicy(world), withRule(users, 9443));
  });
});

/** Waits until the stand-in is about to answer a call whose path ends so; a slow one is not among its calls yet. */
async function calledSince(world: TestWorld, path: string): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    const answer = await fetch(`${world.standIns.tailscale}/_lab/faults`, { method: "GET" });
    const left = (await answer.json()) as readonly { readonly path?: string }[];
    if (left.every((fault) => fault.path !== path)) return;
    await sleep(100);
  }
  assert.fail(`nobody called ${path}`);
}
