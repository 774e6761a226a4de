import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { entriesOf, settings } from "./samples.ts";

describe("the entries of a stack in the tailnet's policy", () => {
  it("are exactly these", () => {
    assert.deepEqual(entriesOf(), {
      tag: "tag:nix-cache",
      tagOwners: { "tag:nix-cache": ["autogroup:admin"], "tag:nix-ci": ["autogroup:admin"] },
      grants: [
        { src: ["autogroup:member"], dst: ["tag:nix-cache"], ip: ["tcp:5000"] },
        { src: ["tag:nix-ci", "100.80.1.20", "100.80.1.30"], dst: ["tag:nix-cache"], ip: ["tcp:22", "tcp:5000"] },
      ],
      ssh: [],
      tests: [
        {
          src: "tag:nix-ci",
          proto: "tcp",
          accept: ["tag:nix-cache:22", "tag:nix-cache:5000"],
          deny: [
            ...["tag:nix-cache:80", "tag:nix-cache:443", "tag:nix-cache:9090"],
            ...["tag:nix-ci:22", "100.80.1.20:22", "100.80.1.30:22"],
          ],
        },
        {
          src: "tag:nix-cache",
          proto: "tcp",
          deny: ["tag:nix-ci:22", "100.80.1.20:22", "100.80.1.30:22", "tag:nix-cache:22"],
        },
      ],
      sshTests: [],
    });
  });

  it("grant readers and named machines the cache's port and nothing else", () => {
    const { grants } = entriesOf({ readers: ["group:dev", "nas"], hosts: ["100.80.1.40"], builders: [], ci: false });
    assert.deepEqual(grants, [{ src: ["group:dev", "nas", "100.80.1.40"], dst: ["tag:nix-cache"], ip: ["tcp:5000"] }]);
  });

  it("use the stack's own tags, owners and ports", () => {
    const { tag, tagOwners, grants, tests } = entriesOf({
      tags: { cache: "tag:c", ci: "tag:b" },
      owners: ["group:dev", "tag:infra"],
      port: 443,
      sshPort: 2222,
      builders: ["fd7a:115c:a1e0::7"],
    });
    assert.equal(tag, "tag:c");
    assert.deepEqual(tagOwners, { "tag:c": ["group:dev", "tag:infra"], "tag:b": ["group:dev", "tag:infra"] });
    assert.deepEqual(grants[1], { src: ["tag:b", "fd7a:115c:a1e0::7"], dst: ["tag:c"], ip: ["tcp:2222", "tcp:443"] });
    assert.deepEqual(tests[0], {
      src: "tag:b",
      proto: "tcp",
      accept: ["tag:c:2222", "tag:c:443"],
      // 443 is granted here, so it is not among what is denied.
      deny: ["tag:c:80", "tag:c:9090", "tag:b:22", "[fd7a:115c:a1e0::7]:22"],
    });
  });

  it("have no test that could deny where requireDeny is off", () => {
    const { tests, sshTests } = entriesOf({ requireDeny: false, ssh: "tailscale", testUser: "ada@example.com" });
    assert.deepEqual(tests, [
      { src: "tag:nix-ci", proto: "tcp", accept: ["tag:nix-cache:22", "tag:nix-cache:5000"] },
      { src: "ada@example.com", proto: "tcp", accept: ["tag:nix-cache:5000"] },
    ]);
    assert.deepEqual(sshTests, [{ src: "tag:nix-ci", dst: ["tag:nix-cache"], accept: ["nix-push"] }]);
  });

  it("have ssh rules only where Tailscale is the ssh server, for nix-push alone, and never a check for a tag", () => {
    assert.deepEqual(entriesOf().ssh, []);
    const { ssh, sshTests } = entriesOf({ ssh: "tailscale" });
    assert.deepEqual(ssh, [
      { action: "accept", src: ["tag:nix-ci", "autogroup:member"], dst: ["tag:nix-cache"], users: ["nix-push"] },
    ]);
    assert.deepEqual(sshTests, [{ src: "tag:nix-ci", dst: ["tag:nix-cache"], accept: ["nix-push"], deny: ["root"] }]);
  });

  it("let nobody but CI log in where no machine uploads", () => {
    const { ssh } = entriesOf({ ssh: "tailscale", builders: [] });
    assert.deepEqual(ssh[0]?.src, ["tag:nix-ci"]);
  });

  it("declare CI's tag without giving it anything where CI does not upload", () => {
    const { tagOwners, grants, ssh, tests, sshTests } = entriesOf({ ci: false, ssh: "tailscale", builders: [] });
    assert.ok(Object.hasOwn(tagOwners, "tag:nix-ci"));
    assert.doesNotMatch(JSON.stringify([grants, ssh, sshTests]), /nix-ci/);
    assert.deepEqual(
      tests.map(({ src }) => src),
      ["tag:nix-cache"],
    );
  });

  it("test a member only where a login is named, and deny them ssh only where no builder may be theirs", () => {
    const user = (builders: readonly string[]): unknown =>
      entriesOf({ testUser: "ada@example.com", builders }).tests[2];
    const closed = ["tag:nix-cache:80", "tag:nix-cache:443", "tag:nix-cache:9090"];
    const accept = ["tag:nix-cache:5000"];
    const test = { src: "ada@example.com", proto: "tcp", accept };
    assert.deepEqual(user([]), { ...test, deny: ["tag:nix-cache:22", ...closed] });
    assert.deepEqual(user(settings.builders), { ...test, deny: closed });
  });

  it("carry the user's extra entries as they are", () => {
    const grant = { src: ["group:ops"], dst: ["tag:nix-cache"], ip: ["tcp:22"] };
    const test = { src: "ada@example.com", accept: ["tag:nix-cache:22"] };
    const { grants, tests } = entriesOf({ extra: { grants: [grant], tests: [test] } });
    assert.deepEqual(grants.at(-1), grant);
    assert.deepEqual(tests.at(-1), test);
  });

  it("name each machine once, though it be builder and client", () => {
    const { grants } = entriesOf({ builders: ["100.80.1.20", "100.80.1.20"], hosts: ["100.80.1.20"] });
    assert.deepEqual(
      grants.map(({ src }) => src),
      [
        ["autogroup:member", "100.80.1.20"],
        ["tag:nix-ci", "100.80.1.20"],
      ],
    );
  });
});
