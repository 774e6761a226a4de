import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

import { type Fixture, POLICY, startFixture } from "./fixture.ts";

const FILE = join(import.meta.dirname, "../../../../shared/api/tailscale-openapi.json");

type Json = Record<string, unknown>;

/** The value at a path of keys. */
function at(root: unknown, ...path: string[]): unknown {
  return path.reduce((value, key) => (value as Json | undefined)?.[key], root);
}

/** Puts what they refer to in the place of references. */
function resolved(value: unknown, root: unknown): unknown {
  if (Array.isArray(value)) return value.map((entry) => resolved(entry, root));
  if (typeof value !== "object" || value === null) return value;
  const reference = (value as Json).$ref;
  if (typeof reference === "string") return resolved(at(root, ...reference.slice(2).split("/")), root);
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, resolved(entry, root)]));
}

/** Fields of an answer that a schema with properties does not know, by path. */
function unknownFields(value: unknown, schema: Json | undefined, path = ""): string[] {
  if (Array.isArray(value)) return value.flatMap((entry) => unknownFields(entry, schema?.items as Json, `${path}[]`));
  const properties = schema?.properties as Record<string, Json> | undefined;
  if (typeof value !== "object" || value === null || properties === undefined) return [];
  return Object.entries(value).flatMap(([key, entry]) =>
    key in properties ? unknownFields(entry, properties[key], `${path}.${key}`) : [`${path}.${key}`],
  );
}

describe("the stand-in's answers, held to Tailscale's own description", function () {
  if (!existsSync(FILE)) {
    it("conform to it (skipped: ../shared/api/tailscale-openapi.json is absent)", function () {
      this.skip();
    });
    return;
  }
  const document = JSON.parse(readFileSync(FILE, "utf8")) as unknown;
  let fixture: Fixture;
  let id: string;

  before(async () => {
    fixture = await startFixture({ policy: POLICY });
    const body = { keyType: "client", scopes: ["auth_keys"], tags: ["tag:ci"], description: "ci" };
    id = String((await fixture.request("POST", "/api/v2/tailnet/-/keys", { body })).body.id);
  });
  after(() => fixture.close());

  const capabilities = {
    devices: { create: { reusable: false, ephemeral: true, preauthorized: true, tags: ["tag:ci"] } },
  };
  const federated = {
    keyType: "federated",
    scopes: ["auth_keys"],
    tags: ["tag:ci"],
    issuer: "https://a.example",
    subject: "x:*",
  };
  const cases: [method: string, path: string, body: unknown, status: number][] = [
    ["GET", "/tailnet/{tailnet}/devices", undefined, 200],
    ["GET", "/tailnet/{tailnet}/keys", undefined, 200],
    ["POST", "/tailnet/{tailnet}/keys", { capabilities, expirySeconds: 3600, description: "one" }, 200],
    ["POST", "/tailnet/{tailnet}/keys", federated, 200],
    ["GET", "/tailnet/{tailnet}/keys/{keyId}", undefined, 200],
    ["PUT", "/tailnet/{tailnet}/keys/{keyId}", { keyType: "client", scopes: ["auth_keys"], tags: ["tag:ci"] }, 200],
    ["GET", "/tailnet/{tailnet}/acl", undefined, 200],
    ["POST", "/tailnet/{tailnet}/acl", POLICY, 200],
    ["POST", "/tailnet/{tailnet}/acl", '{"grants": 1}', 400],
    ["POST", "/tailnet/{tailnet}/acl/validate", POLICY, 200],
    ["POST", "/tailnet/{tailnet}/acl/validate", '{"tests": [{"src": "x", "accept": ["y:1"]}]}', 200],
    ["DELETE", "/tailnet/{tailnet}/keys/{keyId}", undefined, 200],
    ["GET", "/tailnet/{tailnet}/keys/{keyId}", undefined, 200],
  ];
  for (const [method, path, body, status] of cases) {
    it(`${method} ${path} answers ${status} in the described form`, async () => {
      const operation = at(document, "paths", path, method.toLowerCase());
      const answer = await fixture.request(method, `/api/v2${path.replace("{tailnet}", "-").replace("{keyId}", id)}`, {
        body,
      });
      assert.equal(answer.status, status, answer.text);
      const described = resolved(at(operation, "responses", String(status)), document);
      assert.ok(described !== undefined, "the description has this status");
      const schema = at(described, "content", "application/json", "schema") as Json | undefined;
      if (schema === undefined) return;
      z.fromJSONSchema(schema).parse(answer.body);
      assert.deepEqual(unknownFields(answer.body, schema), []);
    });
  }
});
