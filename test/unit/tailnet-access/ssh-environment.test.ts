import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { rulesWithEnvironment } from "../../../components/tailnet-access/ssh-environment.ts";

const found = (...rules: readonly string[]): string[] =>
  rulesWithEnvironment(`{"ssh": [${rules.join(", ")}]}`, "tag:nix-cache", "nix-push");
const rule = (dst: string, user: string, more = '"acceptEnv": ["*"]'): string =>
  `{"action": "accept", "src": ["tag:ci"], "dst": ["${dst}"], "users": ["${user}"]${more && `, ${more}`}}`;

describe("ssh rules by which a caller could say who calls", () => {
  it("are those that take variables, to the cache, as the upload account or any that is not root", () => {
    assert.deepEqual(found(rule("tag:nix-cache", "nix-push")), ["ssh[0] at line 1, column 10"]);
    assert.equal(found(rule("tag:nix-cache", "autogroup:nonroot")).length, 1);
    assert.equal(found(rule("tag:nix-cache", "nix-push", '"AcceptEnv": ["SSH_CLIENT"]')).length, 1);
  });

  it("are not those without variables, to other machines, or as others", () => {
    for (const other of [
      rule("tag:nix-cache", "nix-push", ""),
      rule("tag:nix-cache", "nix-push", '"acceptEnv": []'),
      rule("tag:web", "nix-push"),
      rule("tag:nix-cache", "root"),
      "null",
    ])
      assert.deepEqual(found(other), [], other);
    assert.deepEqual(rulesWithEnvironment("{}", "tag:nix-cache", "nix-push"), []);
  });
});
