import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { after, afterEach, before, beforeEach, describe, it } from "mocha";
import type { PolicySettings } from "../../../components/tailnet-access/policy.ts";
import { prepareTailnetAccess, type TailnetPlan } from "../../../components/tailnet-access/prepare.ts";
import { merge } from "../../../components/tailnet-access/merge.ts";
import { recordMocks } from "../../support/mocks.ts";
import { aclsOnly, defaultPolicy, entriesOf, grantsOnly, settings } from "./samples.ts";
import { testTailnet, type TestTailnet } from "./tailnet.ts";

const levels = ["info", "warn"] as const;

describe("preparing the tailnet's policy", () => {
  const originals = levels.map((level) => [level, pulumi.log[level]] as const);
  let said: string[];
  let tailnet: TestTailnet | undefined;

  before(() => recordMocks({ preview: true }));
  beforeEach(() => {
    said = [];
    for (const level of levels)
      Object.defineProperty(pulumi.log, level, {
        configurable: true,
        value: (text: string) => {
          said.push(`${level}: ${text}`);
          return Promise.resolve();
        },
      });
  });
  afterEach(async () => {
    await tailnet?.fixture.close();
    tailnet = undefined;
  });
  after(async () => {
    for (const [level, value] of originals) Object.defineProperty(pulumi.log, level, { configurable: true, value });
    await recordMocks();
  });

  async function prepare(policy: string, change: Partial<PolicySettings> = {}): Promise<TailnetPlan> {
    tailnet = await testTailnet(policy);
    return prepareTailnetAccess({ ...settings, ...change }, tailnet.env);
  }

  async function refusal(policy: string, change: Partial<PolicySettings> = {}): Promise<string> {
    const error = await prepare(policy, change).then(
      () => assert.fail("it was accepted"),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof Error && error.name === "PolicyError", String(error));
    return error.message;
  }

  it("reads, merges, has Tailscale try the result, shows the difference, and writes nothing", async () => {
    const plan = await prepare(grantsOnly);
    assert.equal(plan.policy.text, merge(grantsOnly, entriesOf()));
    assert.deepEqual(tailnet?.calls(), ["GET tailnet/-/acl 200", "POST tailnet/-/acl/validate 200"]);
    assert.equal(await tailnet.policy(), grantsOnly);
    const mark = "/* nix-binary-cache (tag:nix-cache) */";
    assert.equal(said.length, 1);
    const lines = (said[0] ?? "").split("\n");
    assert.equal(lines[0], "info: The tailnet's policy will change:");
    assert.ok(
      lines.includes(`+    {${mark} "src": ["autogroup:member"], "dst": ["tag:nix-cache"], "ip": ["tcp:5000"]},`),
      said[0],
    );
    assert.deepEqual(
      lines.filter((line) => line.startsWith("-")),
      ['-  "tagOwners": {"tag:lab": ["autogroup:admin"]},'],
    );
  });

  it("says nothing and plans the same text where the entries are in it already", async () => {
    const policy = merge(grantsOnly, entriesOf());
    const plan = await prepare(policy);
    assert.equal(plan.policy.text, policy);
    assert.deepEqual(said, []);
  });

  it("shows no difference during an up: its preview did", async () => {
    await recordMocks({ preview: false });
    try {
      await prepare(grantsOnly);
    } finally {
      await recordMocks({ preview: true });
    }
    assert.deepEqual(said, []);
  });

  it("refuses to go on without credentials, in a preview too", async () => {
    const refused = /^TailscaleError: There are no credentials for Tailscale\. Set TAILSCALE_/;
    await assert.rejects(prepareTailnetAccess(settings, {}), refused);
    assert.deepEqual(said, []);
  });

  it("refuses an allow-all that was left in the policy, names the rule, and how to accept it", async () => {
    const message = await refusal(defaultPolicy);
    assert.match(message, /^Tailscale refuses the tailnet's policy with this stack's entries:\n {2}test\(s\) failed\n/);
    assert.match(message, /tag:nix-ci: .*address "tag:nix-cache:80".*: want: Drop, got: Accept/);
    assert.match(
      message,
      /because:\n {2}grants\[0\] at line 12, column 3 lets tag:nix-ci reach tag:nix-cache:80: \{"src": \["\*"\], "dst": \["\*"\], "ip": \["\*"\]\}\n/,
    );
    assert.match(message, /\n {2}pulumi config set --path tailnet\.policy\.requireDeny false$/);
  });

  it("takes the same policy where requireDeny is off", async () => {
    const { policy } = await prepare(defaultPolicy, { requireDeny: false });
    assert.match(policy.text, /"src": \["\*"\], "dst": \["\*"\]/);
  });

  it("tells that a policy without rules means that everybody reaches everything", async () => {
    assert.match(
      await refusal("{}"),
      /the policy has neither grants nor acls of yours, which to Tailscale means that everybody/,
    );
  });

  it("names each rule of an older policy that opens what is denied, and no other", async () => {
    const wide = '{"action": "accept", "src": ["autogroup:tagged"], "dst": ["100.80.0.0/16:22", "tag:lab:443"]},';
    const message = await refusal(aclsOnly.replace('"acls": [', `"acls": [\n    ${wide}`));
    const rules = message.split("\n").filter((line) => /^ {2}(acls|grants)\[/.test(line));
    assert.equal(rules.length, 1, message);
    assert.match(rules[0] ?? "", /^ {2}acls\[0\] at line \d+, column 5 lets tag:nix-ci reach 100\.80\.1\.\d+:22: /);
  });

  it("gives Tailscale's own reason, and no advice about tests, when the policy was refused for something else", async () => {
    const message = await refusal(grantsOnly, { readers: ["group:nobody"] });
    assert.match(message, /entries:\n {2}src=group not found: "group:nobody"$/);
  });

  it("warns of a builder that no grant can name, with what to do", async () => {
    await prepare(merge(grantsOnly, entriesOf()), { unreachable: ["mini"] });
    assert.deepEqual(said, [
      "warn: builders: \"mini\" has no tailnet IP as its address, so this stack's grants do not let it reach the server's " +
        "port 22 to upload. Set its address to what `tailscale ip -4` says on it, or grant it yourself.",
    ]);
  });

  it("warns that an OAuth client could not hand out CI's tag, until a tag of its own owns it", async () => {
    tailnet = await testTailnet();
    const scopes = ["policy_file", "devices:core:read", "devices:posture_attributes"];
    const body = { keyType: "client", scopes, description: "pulumi" };
    const made = (await tailnet.fixture.request("POST", "/api/v2/tailnet/-/keys", { body })).body;
    const env = {
      TAILSCALE_BASE_URL: tailnet.fixture.tailscale.url,
      TAILSCALE_OAUTH_CLIENT_ID: String(made.id),
      TAILSCALE_OAUTH_CLIENT_SECRET: String(made.key),
    };
    const warned = async (change: Partial<PolicySettings>, own: NodeJS.ProcessEnv = env): Promise<boolean> => {
      said = [];
      await prepareTailnetAccess({ ...settings, ...change }, own);
      return said.some((text) =>
        text.startsWith("warn: tailnet.owners: no tag is among autogroup:admin, so Tailscale"),
      );
    };
    await tailnet.edit('{"grants": [], "tagOwners": {"tag:nix-infra": []}}');
    assert.equal(await warned({}), true);
    assert.equal(await warned({ owners: ["tag:nix-infra"] }), false);
    assert.equal(await warned({ ci: false }), false);
    assert.equal(await warned({}, tailnet.env), false);
    await tailnet.edit('{"grants": [], "tagOwners": {"tag:nix-ci": ["autogroup:admin"]}}');
    assert.equal(await warned({}), false, "the client may have the tag itself");
  });

  it("keeps the diff of a change short however long the policy is", async () => {
    const rules = Array.from({ length: 300 }, (_, index) => `"10.0.${index >> 8}.${index & 255}"`);
    await prepare(grantsOnly, { readers: rules.map((rule) => JSON.parse(rule) as string) });
    assert.ok((said[0] ?? "").split("\n").length <= 122);
  });
});
