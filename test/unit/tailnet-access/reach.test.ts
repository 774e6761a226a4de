/** Who reaches what with and without a stack, by the evaluator of the lab's stand-in, which is held to Tailscale's answers. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, it } from "mocha";
import { merge } from "../../../components/tailnet-access/merge.ts";
import type { PolicySettings } from "../../../components/tailnet-access/policy.ts";
import { compileRules, permits } from "../../lab/tailscale/policy/compile.ts";
import { judgePolicy } from "../../lab/tailscale/policy/judge.ts";
import type { Policy } from "../../lab/tailscale/policy/policy.ts";
import { decideSsh } from "../../lab/tailscale/policy/ssh.ts";
import type { Node, Tailnet } from "../../lab/tailscale/policy/tailnet.ts";
import { policyText } from "./arbitrary.ts";
import { defaultPolicy, entriesOf, grantsOnly, handWritten } from "./samples.ts";

const ada = "ada@example.com";
const bob = "bob@example.com";

const tailnet: Tailnet = {
  users: [{ login: ada, role: "owner" }, { login: bob }, { login: "cy@example.com" }],
  nodes: [
    { name: "server", addresses: ["100.80.1.10", "fd7a:115c:a1e0::10"], tags: ["tag:nix-cache"] },
    { name: "runner", addresses: ["100.80.1.11", "fd7a:115c:a1e0::11"], tags: ["tag:nix-ci"] },
    { name: "desktop", addresses: ["100.80.1.20"], user: ada },
    { name: "macbook", addresses: ["100.80.1.30"], user: bob },
    { name: "phone", addresses: ["100.80.1.31"], user: "cy@example.com" },
    { name: "nas", addresses: ["100.80.1.40"], tags: ["tag:a"] },
    { name: "printer", addresses: ["100.80.1.41"], tags: ["tag:b"], routes: ["192.168.7.0/24"] },
  ],
};

const known = [1, 22, 53, 80, 443, 5000, 5001, 9090, 65535];
const protocols = [6, 17, 1];

interface Flow {
  readonly from: Node;
  readonly to: Node;
  readonly protocol: number;
  readonly port: number;
}

/** A machine reaches itself as well: so Tailscale's own tests see it. */
function* flows(): Generator<Flow> {
  for (const from of tailnet.nodes)
    for (const to of tailnet.nodes)
      for (const protocol of protocols) for (const port of known) yield { from, to, protocol, port };
}

function accepted(text: string): Policy {
  const judgement = judgePolicy(text, tailnet);
  if (judgement.accepted) return judgement.policy;
  assert.fail(`${judgement.message} ${JSON.stringify(judgement.failures)}\n${text}`);
}

/** Whether a flow gets through, over any pair of the machines' addresses. */
function reach(policy: Policy): (flow: Flow) => boolean {
  const rules = compileRules(policy, tailnet);
  return ({ from, to, protocol, port }) =>
    from.addresses.some((src) => to.addresses.some((dst) => permits(rules, { src, dst, protocols: [protocol], port })));
}

function named({ from, to, protocol, port }: Flow): string {
  return `${from.name} → ${to.name} ${protocol}/${port}`;
}

const isServer = ({ to }: Flow): boolean => to.name === "server";

/** What is let through after the merge and was not before, and what is not any more. */
function difference(text: string, change: Partial<PolicySettings>): { gained: Flow[]; lost: Flow[] } {
  const before = reach(accepted(text));
  const after = reach(accepted(merge(text, entriesOf({ requireDeny: false, ...change }))));
  const all = [...flows()];
  return {
    gained: all.filter((flow) => after(flow) && !before(flow)),
    lost: all.filter((flow) => before(flow) && !after(flow)),
  };
}

describe("whatever the policy, a stack in it", () => {
  const options = { numRuns: 200 };

  it("takes no access away, and gives access to nothing but the cache's two ports over TCP", () => {
    fc.assert(
      fc.property(policyText, (text) => {
        const { gained, lost } = difference(text, {});
        assert.deepEqual(lost.map(named), []);
        const strange = gained.filter(
          (flow) => !isServer(flow) || flow.protocol !== 6 || ![22, 5000].includes(flow.port),
        );
        assert.deepEqual(strange.map(named), []);
      }),
      options,
    );
  }).timeout(60_000);

  it("gives ssh's port to the builders and to CI alone", () => {
    fc.assert(
      fc.property(policyText, (text) => {
        const { gained } = difference(text, { builders: ["100.80.1.30"] });
        const who = gained.filter(({ port }) => port === 22).map(({ from }) => from.name);
        assert.ok(
          who.every((name) => ["macbook", "runner"].includes(name)),
          who.join(),
        );
      }),
      options,
    );
  }).timeout(60_000);

  it("gives readers the cache and nothing where readers are few", () => {
    fc.assert(
      fc.property(policyText, (text) => {
        const { gained } = difference(text, { builders: [], ci: false, readers: ["group:dev"] });
        const who = gained.map((flow) => [flow.from.name, flow.port]);
        assert.ok(
          who.every(([name, port]) => (name === "desktop" || name === "macbook") && port === 5000),
          JSON.stringify(who),
        );
      }),
      options,
    );
  }).timeout(60_000);

  it("lets nobody log in anywhere anew but as nix-push at the cache, and keeps nobody out", () => {
    fc.assert(
      fc.property(policyText, (text) => {
        const change = { requireDeny: false, ssh: "tailscale" } as const;
        const [before, after] = [accepted(text), accepted(merge(text, entriesOf(change)))];
        for (const from of tailnet.nodes)
          for (const to of tailnet.nodes)
            for (const login of ["root", "nix-push", "ada"]) {
              const was = decideSsh({ from, to, login }, before, tailnet);
              const is = decideSsh({ from, to, login }, after, tailnet);
              if (to.name !== "server" || login !== "nix-push")
                assert.equal(is, was, `${from.name} → ${login}@${to.name}`);
              else assert.ok(is === was || was === "deny", `${from.name}: ${was} became ${is}`);
            }
      }),
      options,
    );
  }).timeout(60_000);

  it("is accepted with tests that deny exactly where nothing of the user's opens what they deny", () => {
    let refused = 0;
    fc.assert(
      fc.property(policyText, (text) => {
        const judgement = judgePolicy(merge(text, entriesOf()), tailnet);
        const open = reach(accepted(merge(text, entriesOf({ requireDeny: false }))));
        const wide = [...flows()].filter((flow) => flow.protocol === 6 && open(flow)).filter(isDenied);
        assert.equal(judgement.accepted, wide.length === 0, wide.map(named).join());
        if (!judgement.accepted) refused += 1;
      }),
      options,
    );
    assert.ok(refused > 0 && refused < options.numRuns, "the policies are all of one kind");
  }).timeout(60_000);
});

/** What the stack's tests say is not to be let through. */
function isDenied({ from, to, port }: Flow): boolean {
  const closed = to.name === "server" && [80, 443, 9090].includes(port);
  const stranger = port === 22 && ["runner", "desktop", "macbook"].includes(to.name);
  if (from.name === "runner") return closed || stranger;
  return from.name === "server" && (stranger || (port === 22 && to.name === "server"));
}

describe("the two tags of a stack", () => {
  it("reach the cache's ports and nothing else of a tailnet with narrow rules", () => {
    const through = reach(accepted(merge(grantsOnly, entriesOf({ ssh: "tailscale" }))));
    const found = [...flows()].filter(({ from }) => ["runner", "server"].includes(from.name)).filter(through);
    assert.deepEqual(found.filter(({ protocol }) => protocol === 6).map(named), [
      "runner → server 6/22",
      "runner → server 6/5000",
    ]);
  });

  it("are refused next to a rule that lets everybody reach everything", () => {
    assert.equal(judgePolicy(merge(defaultPolicy, entriesOf()), tailnet).accepted, false);
    assert.equal(judgePolicy(merge(handWritten, entriesOf()), tailnet).accepted, true);
  });
});
