/** Around the write, and at the end: what others do meanwhile is neither lost nor in the way. */
import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { describe, it } from "mocha";
import type { PolicyApi } from "../../../components/tailnet-access/api.ts";
import { merge } from "../../../components/tailnet-access/merge.ts";
import type { PolicyPlan } from "../../../components/tailnet-access/prepare.ts";
import { refuseOtherPolicy, restoreEntries } from "../../../components/tailnet-access/settle.ts";
import { withdrawEntries } from "../../../components/tailnet-access/withdrawal.ts";
import { entriesOf, grantsOnly, otherTags } from "./samples.ts";
import { testTailnet, type TestTailnet } from "./tailnet.ts";

const entries = entriesOf();
const merged = merge(grantsOnly, entries);
const others = grantsOnly.replace("tcp:22", "tcp:443");

let tailnet: TestTailnet;

async function planOn(policy: string): Promise<PolicyPlan> {
  tailnet = await testTailnet(policy);
  const live = await tailnet.api.read();
  return { entries, live, text: merge(live.text, entries), api: tailnet.api };
}

/** The API, and somebody who writes another policy after each of the first reads. */
function restless(api: PolicyApi, policies: string[]): PolicyApi {
  return {
    ...api,
    read: async () => {
      const live = await api.read();
      const next = policies.shift();
      if (next !== undefined) await tailnet.edit(next);
      return live;
    },
  };
}

describe("right before the policy is written", () => {
  afterEach(() => tailnet.fixture.close());

  it("nothing stands in the way when it is the one that was read", async () => {
    await refuseOtherPolicy(await planOn(grantsOnly));
  });

  it("a policy that somebody edited between preview and up is not overwritten", async () => {
    const plan = await planOn(grantsOnly);
    await tailnet.edit(others);
    await assert.rejects(refuseOtherPolicy(plan), {
      name: "PolicyError",
      message: /changed by somebody else since this run read it; nothing was written\. Run `pulumi up` again\.$/,
    });
    assert.equal(await tailnet.policy(), others);
  });

  it("one that is as wanted already is fine", async () => {
    const plan = await planOn(grantsOnly);
    await tailnet.edit(merged);
    await refuseOtherPolicy(plan);
  });
});

describe("right after it", () => {
  const original = pulumi.log.warn;
  let warnings: string[];
  beforeEach(() => {
    warnings = [];
    Object.defineProperty(pulumi.log, "warn", {
      configurable: true,
      value: (text: string) => {
        warnings.push(text);
        return Promise.resolve();
      },
    });
  });
  afterEach(async () => {
    Object.defineProperty(pulumi.log, "warn", { configurable: true, value: original });
    await tailnet.fixture.close();
  });

  it("entries in force are left alone", async () => {
    await restoreEntries(await planOn(merged));
    assert.deepEqual(tailnet.calls(), ["GET tailnet/-/acl 200", "GET tailnet/-/acl 200"]);
    assert.deepEqual(warnings, []);
  });

  it("entries that were taken out by hand come back, next to what the others wrote, and one warning says so", async () => {
    const plan = await planOn(merged);
    await tailnet.edit(others);
    await restoreEntries(plan);
    assert.equal(await tailnet.policy(), merge(others, entries));
    assert.equal(warnings.length, 1);
  });

  it("a write that somebody else was faster than is made again on theirs", async () => {
    const plan = await planOn(grantsOnly);
    await restoreEntries({ ...plan, api: restless(plan.api, [others]) });
    assert.equal(await tailnet.policy(), merge(others, entries));
  });

  it("it ends, though the policy changes at every attempt", async () => {
    const plan = await planOn(grantsOnly);
    const changes = Array.from({ length: 9 }, (_, index) => grantsOnly.replace("tcp:22", `tcp:${index + 1000}`));
    await assert.rejects(
      restoreEntries({ ...plan, api: restless(plan.api, changes) }),
      /faster than it can be written/,
    );
  });
});

describe("taking the entries out of the policy at destroy", () => {
  afterEach(() => tailnet.fixture.close());

  it("gives the policy back as it was before the stack, by a write that names what it replaces", async () => {
    const { api } = await planOn(merged);
    assert.deepEqual(await withdrawEntries(api, entries.tag), [
      "The entries of tag:nix-cache are out of the tailnet's policy.",
    ]);
    assert.equal(await tailnet.policy(), grantsOnly);
  });

  it("writes nothing where nothing of the stack is left", async () => {
    const { api } = await planOn(grantsOnly);
    assert.deepEqual(await withdrawEntries(api, entries.tag), [
      "The tailnet's policy has no entries of tag:nix-cache to take out.",
    ]);
    assert.ok(tailnet.calls().every((call) => call.startsWith("GET")));
  });

  it("never resets the policy, though nothing but the stack's entries is in it", async () => {
    const { api } = await planOn(merge("{}", entriesOf({ requireDeny: false })));
    await withdrawEntries(api, entries.tag);
    assert.equal(await tailnet.policy(), "{}");
  });

  it("leaves another stack's entries in force", async () => {
    const other = entriesOf({ tags: otherTags });
    const { api } = await planOn(merge(merged, other));
    await withdrawEntries(api, entries.tag);
    assert.equal(await tailnet.policy(), merge(grantsOnly, other));
  });

  it("loses no edit of somebody who writes at the same moment", async () => {
    const { api } = await planOn(merged);
    await withdrawEntries(restless(api, [merge(others, entries)]), entries.tag);
    assert.equal(await tailnet.policy(), others);
  });

  it("gives up, with one message, when the policy changes at every attempt", async () => {
    const { api } = await planOn(merged);
    const changes = Array.from({ length: 9 }, (_, index) =>
      merge(grantsOnly.replace(":22", `:${index + 1000}`), entries),
    );
    await assert.rejects(withdrawEntries(restless(api, changes), entries.tag), {
      name: "PolicyError",
      message: "The tailnet's policy changed at each of 5 attempts to write it. Try again.",
    });
  });

  it("leaves the owners of a tag that the user's own entries name by now", async () => {
    const own = '"grants": [\n    {"src": ["tag:nix-ci"], "dst": ["tag:lab"], "ip": ["tcp:443"]},';
    const { api } = await planOn(merged.replace('"grants": [', own));
    assert.deepEqual(await withdrawEntries(api, entries.tag), [
      "The entries of tag:nix-cache are out of the tailnet's policy.",
      "tag:nix-ci keeps its owners: other entries of the tailnet's policy name it.",
    ]);
    assert.match(await tailnet.policy(), /"tag:nix-ci": \[\/\* nix-binary-cache/);
    assert.doesNotMatch(await tailnet.policy(), /"tag:nix-cache"/);
  });

  it("says what to do when Tailscale refuses the policy without the entries", async () => {
    const { api } = await planOn(merged);
    await tailnet.fail({ kind: "status", status: 400, message: "test(s) failed", method: "POST" });
    await assert.rejects(withdrawEntries(api, entries.tag), {
      name: "PolicyError",
      message:
        /\(400, "test\(s\) failed"\).*Take out by hand what is marked "nix-binary-cache \(tag:nix-cache\)", then/,
    });
  });
});
