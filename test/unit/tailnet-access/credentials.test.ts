import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "mocha";
import { accessFromEnv } from "../../../components/tailnet-access/credentials.ts";

const baseUrl = "https://api.tailscale.com";

describe("the credential for Tailscale", () => {
  it("is found under the provider's own variables", () => {
    for (const [env, credential] of [
      [{ TAILSCALE_API_KEY: "k" }, { kind: "api-key", key: "k" }],
      [
        { TAILSCALE_OAUTH_CLIENT_ID: "i", TAILSCALE_OAUTH_CLIENT_SECRET: "s" },
        { kind: "oauth-client", id: "i", secret: "s" },
      ],
      [
        { OAUTH_CLIENT_ID: "i", OAUTH_CLIENT_SECRET: "s" },
        { kind: "oauth-client", id: "i", secret: "s" },
      ],
      [
        { TAILSCALE_OAUTH_CLIENT_ID: "i", TAILSCALE_IDENTITY_TOKEN: "t" },
        { kind: "identity-token", id: "i", token: "t" },
      ],
    ] as const)
      assert.deepEqual(accessFromEnv(env), { baseUrl, tailnet: "-", credential });
  });

  it("is none where nothing is set, or only empty values", () => {
    assert.equal(accessFromEnv({}), undefined);
    assert.equal(accessFromEnv({ TAILSCALE_API_KEY: "", OAUTH_CLIENT_ID: "" }), undefined);
  });

  it("goes to the tailnet and the address that are set", () => {
    const env = {
      TAILSCALE_API_KEY: "k",
      TAILSCALE_TAILNET: "example.com",
      TAILSCALE_BASE_URL: "http://127.0.0.1:9//",
    };
    const { baseUrl: url, tailnet } = accessFromEnv(env) ?? {};
    assert.deepEqual([url, tailnet], ["http://127.0.0.1:9", "example.com"]);
  });

  it("may stand in a file", () => {
    const folder = mkdtempSync(join(tmpdir(), "credential-"));
    try {
      writeFileSync(join(folder, "key"), "tskey-api-1\n");
      const env = { TAILSCALE_API_KEY: `file:${join(folder, "key")}` };
      assert.deepEqual(accessFromEnv(env)?.credential, { kind: "api-key", key: "tskey-api-1" });
    } finally {
      rmSync(folder, { recursive: true });
    }
    assert.throws(
      () => accessFromEnv({ TAILSCALE_API_KEY: "file:/nowhere/key" }),
      /^TailscaleError: TAILSCALE_API_KEY: the file that it names can't be read: \/nowhere\/key\.$/,
    );
  });

  for (const [env, message] of [
    [{ TAILSCALE_API_KEY: "tskey-1", OAUTH_CLIENT_ID: "i" }, /both set in the environment\. Unset one/],
    [{ TAILSCALE_OAUTH_CLIENT_SECRET: "tskey-1" }, /TAILSCALE_OAUTH_CLIENT_ID: not set, though its secret is/],
    [{ TAILSCALE_OAUTH_CLIENT_ID: "i" }, /TAILSCALE_OAUTH_CLIENT_SECRET: not set, though TAILSCALE_OAUTH_CLIENT_ID is/],
    [
      { TAILSCALE_API_KEY: "tskey-1", TAILSCALE_BASE_URL: "ftp://x" },
      /found "ftp:\/\/x", expected an http or https URL/,
    ],
    [{ TAILSCALE_API_KEY: "tskey-1", TAILSCALE_BASE_URL: "x" }, /found "x", expected an http or https URL/],
  ] as const)
    it(`is refused before anything is asked: ${String(message)}`, () => {
      assert.throws(
        () => accessFromEnv(env),
        (error: Error) =>
          error.name === "TailscaleError" && message.test(error.message) && !error.message.includes("tskey"),
      );
    });
});
