/** Cases that Tailscale's documentation and issues settle, beside those that were captured. */
import assert from "node:assert/strict";

import { judgePolicy } from "../../lab/tailscale/policy/judge.ts";
import type { Tailnet } from "../../lab/tailscale/policy/tailnet.ts";

const tailnet: Tailnet = {
  users: [{ login: "ada@example.com", role: "owner" }, { login: "bob@example.com" }],
  nodes: [
    { name: "server", addresses: ["100.80.1.10", "fd7a:115c:a1e0::10"], tags: ["tag:server"] },
    { name: "desktop", addresses: ["100.80.1.20"], user: "ada@example.com" },
    { name: "macbook", addresses: ["100.80.1.30"], user: "bob@example.com" },
  ],
};

const names = {
  groups: { "group:dev": ["ada@example.com", "bob@example.com"] },
  hosts: { web: "100.80.1.10", one: "100.80.1.10/32", lan: "192.168.1.0/24" },
  tagOwners: { "tag:server": [], "tag:lonely": [] },
};

/** "accepted", or the message with the details of the tests that failed. */
function answer(policy: object): string {
  const judgement = judgePolicy({ ...names, ...policy }, tailnet);
  if (judgement.accepted) return "accepted";
  return [judgement.message, ...judgement.failures.flatMap(({ errors }) => errors)].join("\n");
}

const everything = { acls: [{ action: "accept", src: ["*"], dst: ["*:*"] }] };
const failed = /^test\(s\) failed\n\[acl test error\]: /;

describe("the tests of a policy, as documented", () => {
  for (const src of ["ada@example.com", "group:dev", "tag:server", "tag:lonely", "web", "one", "100.80.1.20"])
    it(`may be about ${src}`, () => {
      assert.equal(answer({ ...everything, tests: [{ src, accept: ["web:22"] }] }), "accepted");
    });

  for (const src of ["autogroup:member", "autogroup:tagged", "*", "lan", "10.0.0.0/8", "user:*@example.com", "nowhere"])
    it(`may not be about ${src}`, () => {
      assert.equal(
        answer({ ...everything, tests: [{ src, accept: ["web:22"] }] }),
        `test(s) failed\n[acl test error]: user or host is invalid: unknown user or host: "${src}"`,
      );
    });

  for (const dst of ["100.80.1.10", "[fd7a:115c:a1e0::10]", "web", "bob@example.com", "group:dev", "tag:server"])
    it(`may deny or accept a port of ${dst}`, () => {
      const tests = (want: string): object[] => [{ src: "ada@example.com", [want]: [`${dst}:22`] }];
      assert.equal(answer({ ...everything, tests: tests("accept") }), "accepted");
      assert.match(answer({ ...everything, tests: tests("deny") }), /want: Drop, got: Accept$/);
      assert.equal(answer({ acls: [], tests: tests("deny") }), "accepted");
    });

  for (const dst of [
    ...["autogroup:self:22", "autogroup:member:22", "autogroup:internet:443", "*:22", "lan:22", "192.168.1.0/24:22"],
    ...["web:22-23", "web:22,23", "web:*", "web:0", "web:65536", "web:ssh", "web", "fd7a:115c:a1e0::10:22"],
  ])
    it(`fail on ${dst}, whether accepted or denied`, () => {
      for (const want of ["accept", "deny"])
        for (const policy of [everything, { acls: [] }])
          assert.match(answer({ ...policy, tests: [{ src: "ada@example.com", [want]: [dst] }] }), failed);
    });

  it("go over TCP or UDP unless they say which", () => {
    const udp = { grants: [{ src: ["*"], dst: ["web"], ip: ["udp:53"] }] };
    const test = { src: "ada@example.com", accept: ["web:53"] };
    assert.equal(answer({ ...udp, tests: [test] }), "accepted");
    assert.equal(answer({ ...udp, tests: [{ ...test, proto: "udp" }] }), "accepted");
    assert.equal(
      answer({ ...udp, tests: [{ ...test, proto: "tcp" }] }),
      'test(s) failed\n[acl test error]: address "web:53" (protocol "tcp"): want: Accept, got: Drop',
    );
  });

  it("see what goes out through exit nodes: any public address, and no private one", () => {
    const internet = { acls: [{ action: "accept", src: ["autogroup:member"], dst: ["autogroup:internet:443"] }] };
    const tests = (want: string, dst: string): object[] => [{ src: "ada@example.com", [want]: [dst] }];
    for (const dst of ["8.8.8.8:443", "198.51.100.8:443", "[2001:db8::1]:443"])
      assert.equal(answer({ ...internet, tests: tests("accept", dst) }), "accepted");
    for (const dst of ["10.1.2.3:443", "100.80.1.10:443", "192.168.1.1:443", "8.8.8.8:22", "[fd7a:115c:a1e0::10]:443"])
      assert.equal(answer({ ...internet, tests: tests("deny", dst) }), "accepted");
    assert.match(answer({ ...internet, tests: tests("deny", "8.8.8.8:443") }), /want: Drop, got: Accept$/);
  });

  it("can ping, at port 0, where any traffic is let through", () => {
    const web = { grants: [{ src: ["bob@example.com"], dst: ["tag:server"], ip: ["tcp:22"] }] };
    const ping = (src: string): object[] => [{ src, proto: "icmp", accept: ["tag:server:0"] }];
    assert.equal(answer({ ...web, tests: ping("bob@example.com") }), "accepted");
    assert.match(answer({ ...web, tests: ping("ada@example.com") }), /\(protocol "icmp"\): want: Accept, got: Drop$/);
  });
});

describe("the sshTests of a policy, as documented", () => {
  const rule = (action: string, more: object = {}): object => ({
    ssh: [{ action, src: ["ada@example.com"], dst: ["tag:server"], users: ["root"], ...more }],
  });
  const test = (more: object): object => ({ sshTests: [{ src: "ada@example.com", dst: ["tag:server"], ...more }] });

  it("tell what is accepted at once from what takes a check, and both from what is denied", () => {
    for (const [action, got] of [
      ["accept", "accept"],
      ["check", "check"],
    ] as const)
      for (const want of ["accept", "check", "deny"]) {
        const found = answer({ ...rule(action), ...test({ [want]: ["root"] }) });
        const sides = 'src "ada@example.com" at "100.80.1.20", dst "tag:server" at "100.80.1.10"';
        const failure = `test(s) failed\n[ssh test error]: ${sides}, ssh user "root": want: "${want}" got: "${got}"`;
        assert.equal(found, want === got ? "accepted" : failure);
      }
    assert.equal(answer({ ...rule("accept"), ...test({ deny: ["ubuntu"] }) }), "accepted");
  });

  it("do not see what is let in to a user's own machines", () => {
    const ssh = [{ action: "check", src: ["autogroup:member"], dst: ["autogroup:self"], users: ["autogroup:nonroot"] }];
    const own = test({ dst: ["ada@example.com"], check: ["ada"] });
    assert.match(answer({ ssh, ...own }), /ssh user "ada": want: "check" got: "deny"$/);
  });

  for (const [side, entry, kind] of [
    ["src", "autogroup:admin", "disallowed element"],
    ["src", "*", "disallowed element"],
    ["src", "10.0.0.0/8", "disallowed element"],
    ["src", "tag:unknown", "unknown tag"],
    ["dst", "autogroup:internet", "disallowed element"],
    ["dst", "*", "disallowed element"],
    ["dst", "100.64.0.0/24", "disallowed element"],
    ["dst", "lan", "disallowed element"],
    ["dst", "tag:server:22", "disallowed element"],
    ["dst", "tag:unknown", "unknown tag"],
  ] as const)
    it(`refuse ${entry} as ${side}`, () => {
      const more = { [side]: side === "src" ? entry : [entry], accept: ["root"] };
      assert.equal(answer({ ...rule("accept"), ...test(more) }), `SSH tests ${side} contains ${kind} "${entry}"`);
    });

  for (const [src, dst] of [
    ["group:dev", "tag:server"],
    ["100.80.1.20", "web"],
    ["tag:lonely", "100.80.1.10"],
  ])
    it(`may be from ${String(src)} to ${String(dst)}`, () => {
      const ssh = [
        { action: "accept", src: ["group:dev", "tag:lonely"], dst: ["tag:server"], users: ["autogroup:nonroot"] },
      ];
      const sshTests = [{ src, dst: [dst], accept: ["ubuntu"], deny: ["root"] }];
      assert.equal(answer({ ssh, sshTests }), "accepted");
    });
});
