import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { explainDenials } from "../../../components/tailnet-access/explain.ts";
import { machineAddresses } from "../../../components/tailnet-access/machines.ts";
import { hasPort, splitTarget, takesIn } from "../../../components/tailnet-access/selectors.ts";
import { entriesOf } from "./samples.ts";

const names = {
  groups: new Map([["group:dev", ["ada@example.com"]]]),
  hosts: new Map([
    ["nas", "100.80.1.40"],
    ["lan", "100.80.0.0/16"],
  ]),
};

describe("whom a selector takes in", () => {
  for (const [selector, who, expected] of [
    ["*", "tag:a", true],
    ["autogroup:danger-all", "ada@example.com", true],
    ["tag:a", "tag:a", true],
    ["tag:a", "tag:ab", false],
    ["autogroup:tagged", "tag:a", true],
    ["autogroup:member", "tag:a", false],
    ["autogroup:member", "ada@example.com", true],
    ["autogroup:admin", "ada@example.com", true],
    ["group:dev", "ada@example.com", true],
    ["group:dev", "bob@example.com", false],
    ["group:none", "ada@example.com", false],
    ["user:*@example.com", "ada@example.com", true],
    ["user:*@example.org", "ada@example.com", false],
    ["100.64.0.0/10", "tag:a", true],
    ["100.64.0.0/11", "tag:a", false],
    ["0.0.0.0/0", "tag:a", true],
    ["::/0", "tag:a", true],
    ["nas", "100.80.1.40", true],
    ["nas", "100.80.1.41", false],
    ["lan", "100.80.1.41", true],
    ["100.80.1.40", "nas", true],
    ["100.80.1.0/24", "100.80.0.0/16", false],
    ["fd7a:115c:a1e0::/64", "fd7a:115c:a1e0::7", true],
    ["100.80.1.0/24", "fd7a:115c:a1e0::7", false],
    // Whose machine has an address, the policy does not say.
    ["autogroup:member", "100.80.1.40", true],
    ["autogroup:internet", "100.80.1.40", false],
  ] as const)
    it(`${selector} ${expected ? "takes in" : "leaves out"} ${who}`, () => {
      assert.equal(takesIn(selector, who, names), expected);
    });

  it("has ports alone, in ranges and in lists", () => {
    assert.deepEqual(
      ["*", "22", "20-30", "80, 22", "23", "30-40"].map((ports) => hasPort(ports, 22)),
      [true, true, true, true, false, false],
    );
  });

  it("is split from its port at the last colon", () => {
    assert.deepEqual(splitTarget("tag:a:22"), { host: "tag:a", ports: "22" });
    assert.deepEqual(splitTarget("[fd7a::1]:22"), { host: "fd7a::1", ports: "22" });
  });
});

describe("the rules that open what a stack's tests deny", () => {
  const explain = (policy: string): string[] => explainDenials(policy, entriesOf());

  it("are found among acls and grants, each once, with its place", () => {
    const lines = explain(`{
  "grants": [
    {"src": ["tag:nix-ci"], "dst": ["*"], "ip": ["udp:22", "tcp:1-100"]},
    {"src": ["tag:nix-ci"], "dst": ["*"], "ip": ["udp:*", "443"]},
    {"src": ["tag:nix-ci"], "dst": ["*"], "app": {"example.com/cap": []}},
  ],
  "ACLs": [{"Action": "accept", "Users": ["*"], "Ports": ["100.80.1.20:22"]}],
}`);
    assert.deepEqual(lines, [
      'acls[0] at line 7, column 12 lets tag:nix-ci reach 100.80.1.20:22: {"Action": "accept", "Users": ["*"], "Ports": ["100.80.1.20:22"]}',
      'grants[0] at line 3, column 5 lets tag:nix-ci reach tag:nix-cache:80: {"src": ["tag:nix-ci"], "dst": ["*"], "ip": ["udp:22", "tcp:1-100"]}',
      'grants[1] at line 4, column 5 lets tag:nix-ci reach tag:nix-cache:443: {"src": ["tag:nix-ci"], "dst": ["*"], "ip": ["udp:*", "443"]}',
    ]);
  });

  it("are none where nothing is open", () => {
    assert.deepEqual(explain('{"grants": [{"src": ["autogroup:member"], "dst": ["*"], "ip": ["*"]}]}'), []);
    assert.deepEqual(explain('{"acls": [{"action": "accept", "src": ["*"], "dst": ["*:22"], "proto": "udp"}]}'), []);
  });

  it("are shown short, and survive what is no rule", () => {
    const long = Array.from({ length: 60 }, (_, index) => `"tag:t${index}"`).join(", ");
    const [line = ""] = explain(`{"grants": [null, 7, {"src": ["*", ${long}], "dst": ["*"], "ip": ["*"]}]}`);
    assert.match(line, /^grants\[2\] /);
    assert.ok(line.length < 260 && line.endsWith("…"));
  });
});

describe("the machines that a policy can name", () => {
  it("are those with an address, once each, without the server", () => {
    const machines = [
      { name: "a", address: "100.80.1.20" },
      { name: "b", address: "b.example.ts.net" },
      { name: "c" },
      { name: "d", address: "100.80.1.10" },
      { name: "e", address: "100.80.1.20" },
      { name: "f", address: "fd7a:115c:a1e0::7" },
    ];
    assert.deepEqual(machineAddresses(machines, "100.80.1.10"), ["100.80.1.20", "fd7a:115c:a1e0::7"]);
  });
});
