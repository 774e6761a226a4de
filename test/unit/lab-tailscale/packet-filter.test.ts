import assert from "node:assert/strict";

import { type Flow, type Node, type User, compileFilter } from "../../lab/tailscale/packet-filter.ts";

const users: User[] = [{ login: "ada@example.com" }, { login: "bob@example.com" }];
const nodes: Node[] = [
  { name: "server", addresses: ["100.80.1.10"], tags: ["tag:cache"] },
  { name: "desktop", addresses: ["100.80.1.20"], user: "ada@example.com" },
  { name: "phone", addresses: ["100.80.1.21"], user: "ada@example.com" },
  { name: "macbook", addresses: ["100.80.1.30", "fd7a:115c:a1e0::1e"], user: "bob@example.com" },
];

function lines(rules: object): string[] {
  const policy = JSON.stringify({ tagOwners: { "tag:cache": [] }, ...rules });
  return compileFilter(policy, users, nodes).map(print);
}

function print({ src, dst, proto, ports }: Flow): string {
  return `${src} ${dst} ${proto} ${typeof ports === "string" ? ports : ports.join("-")}`;
}

describe("the packet filter of a policy", () => {
  it("has the ports of a grant, and ICMP wherever anything is let through", () => {
    assert.deepEqual(
      lines({ grants: [{ src: ["bob@example.com"], dst: ["tag:cache"], ip: ["tcp:5000", "udp:53-54"] }] }),
      [
        "100.80.1.30 100.80.1.10 tcp 5000-5000",
        "100.80.1.30 100.80.1.10 udp 53-54",
        "100.80.1.30 100.80.1.10 icmp any",
      ],
    );
  });
  it("has TCP and UDP when a rule names no protocol", () => {
    assert.deepEqual(lines({ acls: [{ action: "accept", src: ["tag:cache"], dst: ["100.80.1.20:22"] }] }), [
      "100.80.1.10 100.80.1.20 tcp 22-22",
      "100.80.1.10 100.80.1.20 udp 22-22",
      "100.80.1.10 100.80.1.20 icmp any",
    ]);
  });
  it("keeps autogroup:self to each user's own machines", () => {
    const flows = lines({ grants: [{ src: ["autogroup:member"], dst: ["autogroup:self"], ip: ["tcp:22"] }] });
    assert.ok(flows.includes("100.80.1.20 100.80.1.21 tcp 22-22"));
    assert.ok(!flows.some((line) => line.startsWith("100.80.1.20 100.80.1.30") || line.includes("100.80.1.10")));
  });
  it("takes a machine that carries tags for nobody's, whoever registered it", () => {
    const server: Node = { name: "server", addresses: ["100.80.1.10"], user: "ada@example.com", tags: ["tag:cache"] };
    for (const dst of ["autogroup:self", "ada@example.com", "autogroup:member"]) {
      const policy = JSON.stringify({ grants: [{ src: ["autogroup:member"], dst: [dst], ip: ["22"] }] });
      assert.deepEqual(compileFilter(policy, users, [server]), [], dst);
    }
  });
  it('has subnet routes among the sources of "*", and no exit routes', () => {
    const router: Node = { name: "router", addresses: ["100.80.1.40"], tags: [], routes: ["10.9.0.0/24", "0.0.0.0/0"] };
    const policy = JSON.stringify({ grants: [{ src: ["*"], dst: ["100.80.1.40"], ip: ["tcp:22"] }] });
    const sources = compileFilter(policy, users, [router]).map(({ src }) => src);
    assert.deepEqual([...new Set(sources)], ["100.64.0.0/10", "10.9.0.0/24"]);
  });
  it("is the tailnet's own ranges for a rule that allows all, and for a policy without rules", () => {
    const all = ["100.64.0.0/10 100.64.0.0/10 tcp any", "fd7a:115c:a1e0::/48 fd7a:115c:a1e0::/48 tcp any"];
    for (const rules of [{ grants: [{ src: ["*"], dst: ["*"], ip: ["*"] }] }, {}]) {
      const tcp = lines(rules).filter((line) => line.includes("tcp"));
      assert.deepEqual(tcp, all);
    }
  });
  it("is empty when nothing is allowed", () => assert.deepEqual(lines({ grants: [] }), []));
  it("joins no IPv4 source to an IPv6 destination", () => {
    const flows = lines({ grants: [{ src: ["bob@example.com"], dst: ["*"], ip: ["*"] }] });
    assert.ok(
      flows.every(
        (line) =>
          line
            .split(" ")
            .slice(0, 2)
            .filter((part) => part.includes(":")).length !== 1,
      ),
    );
  });
});
