import assert from "node:assert/strict";

import { judgePolicy } from "../../lab/tailscale/policy/judge.ts";
import type { Tailnet } from "../../lab/tailscale/policy/tailnet.ts";

const tailnet: Tailnet = {
  users: [{ login: "ada@example.com", role: "owner" }, { login: "bob@example.com" }, { login: "eve@elsewhere.org" }],
  nodes: [
    { name: "server", addresses: ["100.80.1.10", "fd7a:115c:a1e0::a"], tags: ["tag:cache"] },
    { name: "laptop", addresses: ["100.80.1.20", "fd7a:115c:a1e0::14"], user: "bob@example.com" },
  ],
};

const tagOwners = { "tag:cache": [], "tag:ci": ["autogroup:admin"] };

function answer(policy: unknown): string {
  const judgement = judgePolicy(policy, tailnet);
  return judgement.accepted ? "accepted" : judgement.message;
}

function reasons(policy: unknown): readonly string[] {
  const judgement = judgePolicy(policy, tailnet);
  return judgement.accepted
    ? []
    : judgement.failures.flatMap(({ user, errors }) => errors.map((line) => `${user}: ${line}`));
}

function grant(rule: object): object {
  return { tagOwners, hosts: { nas: "100.80.1.30" }, grants: [rule] };
}

function ssh(rule: object): object {
  return {
    tagOwners,
    hosts: { nas: "100.80.1.30" },
    ssh: [{ action: "accept", src: ["tag:ci"], dst: ["tag:cache"], users: ["root"], ...rule }],
  };
}

describe("a tailnet policy", () => {
  describe("as text", () => {
    it("may have comments and trailing commas", () => {
      assert.equal(answer('// ours\n{"grants": [/* none */],}\n'), "accepted");
    });
    it("is refused with the place of a syntax error", () => {
      assert.match(answer('{\n  "grants": [}\n}'), /^hujson: line 2, column \d+: /);
    });
    it("is refused when empty or not an object", () => {
      assert.match(answer(""), /^hujson: line 1, column 1/);
      assert.notEqual(answer("[]"), "accepted");
    });
    it("is refused when a member is there twice", () => {
      assert.match(answer('{"acls": [], "acls": []}'), /duplicate object member name "acls"/);
    });
    it("is refused when a field is unknown, at any depth", () => {
      assert.equal(answer({ grant: [] }), 'unknown field "grant"');
      assert.equal(answer(grant({ src: ["*"], dst: ["*"], ports: ["*"] })), 'grants.0: unknown field "ports"');
    });
    it("may write field names as older policies do", () => {
      assert.equal(answer({ ACLs: [{ Action: "accept", Users: ["*"], Ports: ["*:*"] }], Groups: {} }), "accepted");
    });
  });

  describe("names only what is declared", () => {
    const cases: [what: string, policy: object, message: string][] = [
      ["a tag as src", grant({ src: ["tag:x"], dst: ["*"], ip: ["*"] }), 'src=tag not found: "tag:x"'],
      ["a tag as dst", grant({ src: ["*"], dst: ["tag:x"], ip: ["*"] }), 'dst="tag:x": tag not found: "tag:x"'],
      ["a group", grant({ src: ["group:x"], dst: ["*"], ip: ["*"] }), 'src=group not found: "group:x"'],
      ["a host", grant({ src: ["*"], dst: ["server"], ip: ["*"] }), 'dst="server": "server": invalid address'],
      [
        "an autogroup",
        grant({ src: ["autogroup:x"], dst: ["*"], ip: ["*"] }),
        'src=autogroup not found: "autogroup:x"',
      ],
      ["a tag as via", grant({ src: ["*"], dst: ["nas"], ip: ["*"], via: ["tag:x"] }), 'tag "tag:x" not found'],
    ];
    for (const [what, policy, message] of cases) {
      it(`and not ${what} that nothing declares`, () => assert.equal(answer(policy), message));
    }
    it("but may name a user who does not exist: the rule then matches nobody", () => {
      assert.equal(answer(grant({ src: ["zoe@example.com"], dst: ["tag:cache"], ip: ["22"] })), "accepted");
    });
  });

  describe("has rules of a form", () => {
    const cases: [what: string, policy: object, message: string][] = [
      ["a grant with neither ip nor app", grant({ src: ["*"], dst: ["*"] }), "ip and app can not both be empty"],
      [
        "a grant to the port of a dst",
        grant({ src: ["*"], dst: ["*"], ip: ["ssh"] }),
        'port range "ssh": invalid first integer',
      ],
      [
        "autogroup:self as src",
        grant({ src: ["autogroup:self"], dst: ["*"], ip: ["*"] }),
        '"autogroup:self" not valid on the src side of a rule',
      ],
      [
        "a tag to autogroup:self",
        grant({ src: ["tag:ci"], dst: ["autogroup:self"], ip: ["*"] }),
        "autogroup:self can only be used with users, groups, or supported autogroups",
      ],
      [
        "an acl that denies",
        { acls: [{ action: "deny", src: ["*"], dst: ["*:*"] }] },
        'action="deny" is not supported',
      ],
      [
        "an acl to an address without a port",
        { acls: [{ action: "accept", src: ["*"], dst: ["100.64.0.1"] }] },
        'dst="100.64.0.1": hostport must contain a colon (":")',
      ],
      [
        "an acl to port 0",
        { acls: [{ action: "accept", src: ["*"], dst: ["100.64.0.1:0"] }] },
        `dst="100.64.0.1:0": port range "0": first port must be >0, or use '*' for wildcard`,
      ],
      [
        "an acl without a port",
        { tagOwners, acls: [{ action: "accept", src: ["*"], dst: ["tag:cache"] }] },
        'dst="tag:cache": port range "cache": invalid first integer',
      ],
      [
        "a group in a group",
        { groups: { "group:a": ["group:b"], "group:b": [] } },
        'groups["group:a"]: "group:b": group members cannot be recursive',
      ],
      [
        "a tag that begins with a digit",
        { tagOwners: { "tag:1": [] } },
        "tagOwners[\"tag:1\"]: tag names must start with a letter, after 'tag:'",
      ],
      ["ssh to a host", ssh({ dst: ["nas"] }), 'invalid dst "nas"'],
      ["ssh to everything", ssh({ dst: ["*"] }), 'invalid dst "*"'],
      ["ssh from an address", ssh({ src: ["100.80.1.30"] }), '"100.80.1.30" is not allowed in src'],
      ["ssh from everywhere", ssh({ src: ["*"] }), '"*" is not allowed in src'],
      ["ssh from outside", ssh({ src: ["autogroup:shared"] }), '"autogroup:shared" is not allowed in src'],
      ["ssh as anybody", ssh({ users: ["*"] }), 'user "*" is not valid'],
      ["ssh as nobody", ssh({ users: [] }), "users must be specified"],
      ["ssh without an action", ssh({ action: undefined }), "action must be specified"],
      [
        "ssh from a tag to a user's machine",
        ssh({ dst: ["bob@example.com"] }),
        "users in dst are only allowed from the same user",
      ],
      [
        "ssh from a tag with a check",
        ssh({ action: "check" }),
        'a rule with a tag in src cannot have the action "check"',
      ],
      [
        "a check of eight days",
        ssh({ src: ["autogroup:member"], action: "check", checkPeriod: "192h" }),
        "checkPeriod 192h0m0s is above the max (168h)",
      ],
    ];
    for (const [what, policy, message] of cases) it(`and not ${what}`, () => assert.equal(answer(policy), message));
  });

  describe("is tried by its own tests", () => {
    const ours = {
      tagOwners,
      grants: [
        { src: ["autogroup:member"], dst: ["tag:cache"], ip: ["tcp:5000"] },
        { src: ["tag:ci"], dst: ["tag:cache"], ip: ["tcp:22", "tcp:5000"] },
      ],
      ssh: [{ action: "accept", src: ["tag:ci"], dst: ["tag:cache"], users: ["nix-push"] }],
      tests: [
        { src: "tag:ci", proto: "tcp", accept: ["tag:cache:22", "tag:cache:5000"], deny: ["tag:cache:80"] },
        { src: "tag:cache", proto: "tcp", deny: ["tag:ci:22"] },
        { src: "bob@example.com", accept: ["tag:cache:5000"], deny: ["tag:cache:22"] },
      ],
      sshTests: [{ src: "tag:ci", dst: ["tag:cache"], accept: ["nix-push"], deny: ["root"] }],
    };
    it("also for a tag that no machine has yet", () => assert.equal(answer(ours), "accepted"));
    it("and refused, with every reason, when another rule lets more through", () => {
      const open = { ...ours, acls: [{ action: "accept", src: ["*"], dst: ["*:*"] }] };
      assert.equal(answer(open), "test(s) failed");
      assert.deepEqual(reasons(open), [
        'tag:ci: [acl test error]: address "tag:cache:80" (protocol "tcp"): want: Drop, got: Accept',
        'tag:cache: [acl test error]: address "tag:ci:22" (protocol "tcp"): want: Drop, got: Accept',
        'bob@example.com: [acl test error]: address "tag:cache:22": want: Drop, got: Accept',
      ]);
    });
    it("and refused when a rule that they need is missing", () => {
      assert.deepEqual(reasons({ ...ours, grants: ours.grants.slice(1) }), [
        'bob@example.com: [acl test error]: address "tag:cache:5000": want: Accept, got: Drop',
      ]);
    });
    it("and refused when a test is about a user who does not exist", () => {
      assert.equal(answer({ ...ours, tests: [{ src: "zoe@example.com", deny: ["tag:cache:22"] }] }), "test(s) failed");
    });
    it("and refused when ssh lets in whom it must not", () => {
      const root = { ...ours, ssh: [{ ...ours.ssh[0], users: ["nix-push", "root"] }] };
      assert.deepEqual(reasons(root), [
        'tag:ci: [ssh test error]: src "tag:ci" at "100.127.255.253", dst "tag:cache" at "100.80.1.10", ssh user "root": want: "deny" got: "accept"',
      ]);
    });
    it("where no acls and no grants at all mean that everything is allowed", () => {
      assert.equal(answer({ tagOwners, tests: [{ src: "tag:ci", accept: ["tag:cache:80"] }] }), "accepted");
      assert.equal(answer({ tagOwners, acls: [], tests: [{ src: "tag:ci", deny: ["tag:cache:80"] }] }), "accepted");
    });
  });
});
