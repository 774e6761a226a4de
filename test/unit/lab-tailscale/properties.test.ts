import assert from "node:assert/strict";
import fc from "fast-check";

import { parseHujson } from "../../lab/tailscale/policy/hujson.ts";
import { judgePolicy } from "../../lab/tailscale/policy/judge.ts";
import { Problem } from "../../lab/tailscale/policy/problem.ts";
import type { Tailnet } from "../../lab/tailscale/policy/tailnet.ts";

const tailnet: Tailnet = {
  users: [{ login: "ada@example.com", role: "owner" }],
  nodes: [{ name: "one", addresses: ["100.80.1.10"], user: "ada@example.com" }],
};

const name = fc.constantFrom(
  "*",
  "tag:a",
  "group:a",
  "autogroup:self",
  "autogroup:member",
  "nas",
  "ada@example.com",
  "::1",
  "10.0.0.0/8",
  "",
  "constructor",
  "tag:",
  "a:b:c",
);
const entry = fc.oneof(
  name,
  fc.tuple(name, fc.constantFrom("22", "*", "1-2", "0", "x")).map((parts) => parts.join(":")),
);
const rule = fc.record(
  {
    action: fc.constantFrom("accept", "check", ""),
    src: fc.array(entry),
    dst: fc.array(entry),
    users: fc.array(entry),
    ip: fc.array(entry),
    proto: entry,
    accept: fc.array(entry),
    deny: fc.array(entry),
  },
  { requiredKeys: [] },
);
const section = (...keys: string[]): fc.Arbitrary<object[]> =>
  fc.array(
    rule.map((value) => Object.fromEntries(Object.entries(value).filter(([key]) => keys.includes(key)))),
    { maxLength: 3 },
  );
const policy = fc.record(
  {
    acls: section("action", "src", "dst", "proto"),
    grants: section("src", "dst", "ip"),
    ssh: section("action", "src", "dst", "users"),
    tests: section("accept", "deny", "proto"),
    tagOwners: fc.constant({ "tag:a": [] }),
    hosts: fc.constant({ nas: "100.80.1.30" }),
  },
  { requiredKeys: [] },
);

describe("the judgement of any policy", () => {
  it("is an answer and never a crash", () => {
    fc.assert(
      fc.property(policy, (value) => void judgePolicy(value, tailnet)),
      { numRuns: 500 },
    );
  });
  it("is an answer for any text too", () => {
    fc.assert(
      fc.property(fc.string(), (text) => void judgePolicy(text, tailnet)),
      { numRuns: 500 },
    );
  });
  it("is the same for a policy with comments and trailing commas as for the bare one", () => {
    fc.assert(
      fc.property(policy, (value) => {
        const text = JSON.stringify(value, undefined, 1)
          .replace(/\n(\s*)([\]}])/g, ", // end\n$1$2")
          .replace(/([[{]), \/\/ end/g, "$1");
        assert.deepEqual(judgePolicy(text, tailnet), judgePolicy(value, tailnet));
      }),
    );
  });
  it("reads every JSON value as JSON.parse does", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        try {
          assert.equal(JSON.stringify(parseHujson(text)), JSON.stringify(JSON.parse(text)));
        } catch (error) {
          // A member that is there twice is refused here and not by JSON.parse.
          assert.ok(error instanceof Problem && error.message.includes("duplicate"), String(error));
        }
      }),
    );
  });
});
