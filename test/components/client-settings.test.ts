import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { parseConfig } from "../../components/config.ts";
import { cacheUrl, nixConf } from "../../components/client-settings/index.ts";
import { recordMocks, settled } from "../support/mocks.ts";

const server = {
  name: "server",
  address: "100.64.0.10",
  hostKey: `ssh-ed25519 ${"A".repeat(68)}`,
  flake: "github:a/b",
};
const config = parseConfig({ server }, new Set(), "test");
const publicKey = `cache-1:${"A".repeat(43)}=`;

async function build() {
  await recordMocks();
  const { ClientSettings } = await import("../../components/client-settings/index.ts");
  return new ClientSettings("clients", { stack: "test", config, url: cacheUrl(config), publicKeys: [publicKey] });
}

describe("ClientSettings", () => {
  it("puts out the public facts that Nix configurations read, none of them secret", async () => {
    const { value, secret } = await settled((await build()).nixVars);
    assert.equal(secret, false);
    assert.deepEqual(value.cache.publicKeys, [publicKey]);
    assert.equal(value.cache.url, "http://100.64.0.10:5000");
    assert.equal(value.server.user, "nix-push");
    assert.deepEqual(Object.keys(value).sort(), [
      "builders",
      "cache",
      "machines",
      "populate",
      "retention",
      "server",
      "signing",
      "stack",
      "uploads",
    ]);
  });

  it("writes an IPv6 address in brackets", () => {
    assert.equal(cacheUrl({ ...config, server: { ...config.server, address: "fd7a::1" } }), "http://[fd7a::1]:5000");
  });

  it("adds to what the user has in nix.conf, and an absent server costs seconds", async () => {
    const { value } = await settled((await build()).nixVars);
    const text = nixConf(value, "/etc/nix/upload-to-cache.sh");
    assert.match(text, /^extra-substituters = http:\/\/100\.64\.0\.10:5000$/m);
    assert.match(text, new RegExp(`^extra-trusted-public-keys = ${publicKey.replace("+", "\\+")}$`, "m"));
    assert.match(text, /^fallback = true$/m);
    assert.match(text, /^connect-timeout = 2$/m);
    assert.doesNotMatch(text, /^(substituters|trusted-public-keys) =/m);
  });
});
