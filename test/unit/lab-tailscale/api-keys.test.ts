import assert from "node:assert/strict";
import { type KeyObject, generateKeyPairSync, sign } from "node:crypto";
import { readFileSync, statSync } from "node:fs";

import { type Answer, type Fixture, MEMBER_KEY, POLICY, startFixture } from "./fixture.ts";

const KEYS = "/api/v2/tailnet/-/keys";
const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const ISSUER = "https://token.example.com";

describe("the stand-in's credentials", () => {
  let fixture: Fixture;

  beforeEach(async () => {
    const issuers = { [ISSUER]: publicKey.export({ type: "spki", format: "pem" }).toString() };
    fixture = await startFixture({ policy: POLICY, issuers });
  });
  afterEach(() => fixture.close());

  const create = (body: object, auth?: string): Promise<Answer> => fixture.request("POST", KEYS, { body, auth });
  const client = (scopes: string[], tags: string[], auth?: string): Promise<Answer> =>
    create({ keyType: "client", scopes, tags, description: "nix cache" }, auth);

  async function bearer(made: Answer, form: Record<string, string> = {}): Promise<string> {
    const body = new URLSearchParams({
      client_id: String(made.body.id),
      client_secret: String(made.body.key),
      ...form,
    }).toString();
    const headers = { "content-type": "application/x-www-form-urlencoded", authorization: "" };
    const answer = await fixture.request("POST", "/api/v2/oauth/token", { headers, body });
    assert.equal(answer.status, 200, answer.text);
    return `Bearer ${String(answer.body.access_token)}`;
  }

  it("show the secret of an OAuth client once and keep none", async () => {
    const made = await client(["auth_keys"], ["tag:ci"]);
    assert.match(String(made.body.key), /^tskey-client-/);
    const read = await fixture.request("GET", `${KEYS}/${String(made.body.id)}`);
    assert.deepEqual([read.body.key, read.body.scopes, read.body.tags], [undefined, ["auth_keys"], ["tag:ci"]]);
    assert.ok(!readFileSync(fixture.statePath, "utf8").includes(String(made.body.key)));
    assert.equal(statSync(fixture.statePath).mode & 0o777, 0o600);
  });

  it("let a client do what its scopes say and nothing else", async () => {
    const auth = await bearer(await client(["auth_keys"], ["tag:ci"]));
    const capabilities = { devices: { create: { ephemeral: true, preauthorized: true, tags: ["tag:ci"] } } };
    assert.equal((await create({ capabilities, expirySeconds: 60 }, auth)).status, 200);
    for (const [method, path] of [
      ["GET", "/api/v2/tailnet/-/acl"],
      ["GET", "/api/v2/tailnet/-/devices"],
      ["POST", "/api/v2/tailnet/-/acl"],
    ] as const) {
      const answer = await fixture.request(method, path, { auth, ...(method === "POST" ? { body: "{}" } : {}) });
      assert.deepEqual([answer.status, typeof answer.body.message], [403, "string"], path);
    }
    assert.equal((await client(["auth_keys"], ["tag:ci"], auth)).status, 403);
  });

  it("give a client's keys its own tags, all of them, or tags that these own", async () => {
    const key = (tags: string[], auth: string): Promise<Answer> =>
      create({ capabilities: { devices: { create: { tags } } } }, auth);
    const both = await bearer(await client(["auth_keys"], ["tag:ci", "tag:cache"]));
    assert.equal((await key(["tag:ci"], both)).body.message, "requested tags [tag:ci] are invalid or not permitted");
    assert.equal((await key(["tag:ci", "tag:cache"], both)).status, 200);
    const infra = await bearer(await client(["auth_keys"], ["tag:infra"]));
    assert.equal((await key(["tag:ci"], infra)).status, 200);
  });

  it("refuse a tag that the policy does not declare, and one that a member does not own", async () => {
    assert.equal((await client(["auth_keys"], ["tag:nope"])).status, 400);
    assert.equal((await client(["auth_keys"], ["tag:ci"], MEMBER_KEY)).status, 400);
  });

  it("refuse a description that is too long, and a credential without scopes or tags", async () => {
    assert.equal(
      (await create({ keyType: "client", scopes: ["auth_keys"], tags: ["tag:ci"], description: "x".repeat(51) }))
        .status,
      400,
    );
    assert.equal((await client([], [])).status, 400);
    assert.equal((await client(["auth_keys"], [])).status, 400);
  });

  it("revoke on DELETE: still there, invalid, out of the list, and its tokens dead", async () => {
    const made = await client(["oauth_keys", "auth_keys"], ["tag:ci"]);
    const path = `${KEYS}/${String(made.body.id)}`;
    const auth = await bearer(made);
    assert.equal((await fixture.request("DELETE", path)).status, 200);
    const read = await fixture.request("GET", path);
    assert.deepEqual([read.status, read.body.invalid, typeof read.body.revoked], [200, true, "string"]);
    assert.deepEqual((await fixture.request("GET", `${KEYS}?all=true`)).body, { keys: [] });
    assert.equal((await fixture.request("GET", KEYS, { auth })).status, 401);
  });

  it("replace a credential on PUT and leave its secret", async () => {
    const made = await client(["auth_keys"], ["tag:ci"]);
    const body = { keyType: "client", scopes: ["auth_keys:read"], tags: [], description: "less" };
    const put = await fixture.request("PUT", `${KEYS}/${String(made.body.id)}`, { body });
    assert.deepEqual([put.status, put.body.scopes, put.body.description], [200, ["auth_keys:read"], "less"]);
    await bearer(made);
  });

  it("exchange a workload's identity token when issuer, subject, audience and claims fit", async () => {
    const made = await create({
      keyType: "federated",
      scopes: ["auth_keys"],
      tags: ["tag:ci"],
      description: "",
      audience: "",
      issuer: ISSUER,
      subject: "repo:*:environment:nix-cache",
      customClaimRules: { repository_id: "42" },
    });
    const id = String(made.body.id);
    assert.equal(made.body.audience, `api.tailscale.com/${id}`);
    const good = {
      iss: ISSUER,
      sub: "repo:me/mine:environment:nix-cache",
      aud: `api.tailscale.com/${id}`,
      exp: Date.now() / 1000 + 60,
      repository_id: "42",
    };
    const exchange = async (claims: object, key?: KeyObject): Promise<number> => {
      const body = new URLSearchParams({ client_id: id, jwt: token(claims, key) }).toString();
      return (await fixture.request("POST", "/api/v2/oauth/token-exchange", { body })).status;
    };
    assert.equal(await exchange(good), 200);
    assert.equal(await exchange(good, generateKeyPairSync("ed25519").privateKey), 401, "signed by somebody else");
    for (const other of [
      { sub: "repo:me/mine:ref:refs/heads/x" },
      { aud: "x" },
      { repository_id: "43" },
      { exp: 1 },
      { iss: "https://x" },
    ]) {
      assert.equal(await exchange({ ...good, ...other }), 401, JSON.stringify(other));
    }
  });

  it("refuse no credential and an unknown one with 401 in Tailscale's form", async () => {
    for (const auth of ["wrong", "Bearer wrong"]) {
      const answer = await fixture.request("GET", "/api/v2/tailnet/-/devices", { auth });
      assert.deepEqual([answer.status, answer.body], [401, { message: "API token invalid" }]);
    }
  });
});

function token(claims: object, key: KeyObject = privateKey): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "EdDSA", typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${sign(null, Buffer.from(signed), key).toString("base64url")}`;
}
