/** Workload identity: which of GitHub's identity tokens Tailscale would let in, by the rule that the component makes. */
import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { afterEach, beforeEach, describe, it } from "mocha";
import { type Claims, tokenRule } from "../../../components/ci-publisher/credential.ts";
import { type Fixture, POLICY, startFixture } from "../lab-tailscale/fixture.ts";

const issuer = "https://token.actions.githubusercontent.com";
const { publicKey, privateKey } = generateKeyPairSync("ed25519");

const claims: Claims = { repositoryId: 4711, ownerId: 42, branch: "main", environment: "nix-cache" };
const withoutEnvironment: Claims = { ...claims, environment: undefined };

/** What GitHub says of a job: of me/dotfiles, on main, in the environment, unless changed. */
const job = {
  repository: "me/dotfiles",
  repository_id: "4711",
  repository_owner_id: "42",
  ref: "refs/heads/main",
  environment: "nix-cache",
};

/** GitHub's two formats of subjects (GitHub's documentation, "OpenID Connect reference"); the newer has numbers in it. */
const formats = {
  older: "repo:me/dotfiles",
  newer: "repo:me@42/dotfiles@4711",
} as const;

describe("workload identity", () => {
  let fixture: Fixture;
  beforeEach(async () => {
    const issuers = { [issuer]: publicKey.export({ type: "spki", format: "pem" }).toString() };
    fixture = await startFixture({ policy: POLICY, issuers });
  });
  afterEach(() => fixture.close());

  /** The status with which Tailscale answers a token, once the identity is made. */
  async function gate(rule: Claims): Promise<(token: object) => Promise<number>> {
    const common = { keyType: "federated", scopes: ["auth_keys"], tags: ["tag:ci"], description: "ci", audience: "" };
    const body = { ...common, issuer, ...tokenRule(rule) };
    const { id } = (await fixture.request("POST", "/api/v2/tailnet/-/keys", { body })).body as { id: string };
    return async (token) => {
      const all = { iss: issuer, aud: `api.tailscale.com/${id}`, exp: Date.now() / 1000 + 60, ...token };
      const form = new URLSearchParams({ client_id: id, jwt: signed(all) }).toString();
      return (await fixture.request("POST", "/api/v2/oauth/token-exchange", { body: form })).status;
    };
  }

  for (const [format, prefix] of Object.entries(formats)) {
    it(`lets in a job of the environment, with a subject in GitHub's ${format} format`, async () => {
      const ask = await gate(claims);
      assert.equal(await ask({ ...job, sub: `${prefix}:environment:nix-cache` }), 200);
    });

    it(`lets in a job of the branch where the plan has no environment, in the ${format} format`, async () => {
      const ask = await gate(withoutEnvironment);
      assert.equal(await ask({ ...job, environment: undefined, sub: `${prefix}:ref:refs/heads/main` }), 200);
    });
  }

  for (const [what, change] of [
    ["another repository of the same owner", { repository_id: "4712", sub: "repo:me/other:environment:nix-cache" }],
    ["a repository that looks alike", { repository_owner_id: "43", sub: "repo:me-too/dotfiles:environment:nix-cache" }],
    ["a repository that was made anew under the name", { repository_id: "9999" }],
    ["another environment", { environment: "other", sub: "repo:me/dotfiles:environment:other" }],
    ["another branch", { ref: "refs/heads/feature" }],
    ["a pull request", { ref: "refs/pull/7/merge", sub: "repo:me/dotfiles:pull_request" }],
    ["a tag of the name", { ref: "refs/tags/main" }],
    ["a job outside of the environment", { environment: undefined, sub: "repo:me/dotfiles:ref:refs/heads/main" }],
    ["another issuer", { iss: "https://gitlab.com" }],
    ["a token made for somebody else", { aud: "sts.amazonaws.com" }],
    ["yesterday's token", { exp: Date.now() / 1000 - 1 }],
  ] as const)
    it(`shuts out ${what}`, async () => {
      const ask = await gate(claims);
      assert.equal(await ask({ ...job, sub: "repo:me/dotfiles:environment:nix-cache", ...change }), 401);
    });

  it("without an environment shuts out other branches, and what only ends like the branch", async () => {
    const ask = await gate(withoutEnvironment);
    for (const ref of ["refs/heads/feature", "refs/heads/x/main", "refs/tags/main"])
      assert.equal(await ask({ ...job, environment: undefined, ref, sub: `repo:me/dotfiles:ref:${ref}` }), 401, ref);
  });
});

function signed(token: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part({ alg: "EdDSA", typ: "JWT" })}.${part(token)}`;
  return `${text}.${sign(null, Buffer.from(text), privateKey).toString("base64url")}`;
}
