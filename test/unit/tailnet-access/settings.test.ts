import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { parseConfig } from "../../../components/config.ts";
import { policySettings } from "../../../components/tailnet-access/settings.ts";

const server = {
  name: "server",
  address: "100.80.1.10",
  hostKey: `ssh-ed25519 ${"A".repeat(68)}`,
  flake: "github:a/b",
};
const system = "x86_64-linux";
const keys = { sshKey: `ssh-ed25519 ${"A".repeat(68)}`, signingKey: `b-1:${"A".repeat(43)}=` };

function settingsOf(more: object): ReturnType<typeof policySettings> {
  const secrets = new Set(["ciSigningKey", "ciSshKey"] as const);
  return policySettings({ stack: "dev", config: parseConfig({ server, ...more }, secrets, "dev") });
}

describe("what the configuration makes of the policy", () => {
  it("by default is: members read, nobody but the stack's tags is named, and what is denied is denied", () => {
    assert.deepEqual(settingsOf({}), {
      tags: { cache: "tag:nix-cache", ci: "tag:nix-ci" },
      ci: false,
      owners: ["autogroup:admin"],
      readers: ["autogroup:member"],
      builders: [],
      hosts: [],
      unreachable: [],
      port: 5000,
      sshPort: 22,
      ssh: "openssh",
      testUser: undefined,
      requireDeny: true,
      extra: { grants: [], tests: [] },
    });
  });

  it("follows every setting of it", () => {
    const found = settingsOf({
      server: { ...server, sshPort: 2222, ssh: "openssh" },
      cache: { port: 5001 },
      tailnet: {
        tags: { cache: "tag:c", ci: "tag:b" },
        owners: ["tag:infra"],
        readers: ["group:dev"],
        testUser: "ada@example.com",
        policy: { requireDeny: false },
      },
      ci: { enabled: true, repository: "me/dotfiles" },
    });
    assert.deepEqual(
      [found.sshPort, found.port, found.tags, found.owners, found.readers, found.testUser, found.requireDeny, found.ci],
      [2222, 5001, { cache: "tag:c", ci: "tag:b" }, ["tag:infra"], ["group:dev"], "ada@example.com", false, true],
    );
  });

  it("names machines by their addresses, the server never, and tells which builders it can't name", () => {
    const { builders, hosts, unreachable } = settingsOf({
      builders: [
        { ...keys, name: "desktop", system, address: "100.80.1.20" },
        { ...keys, name: "macbook", system: "aarch64-darwin", address: "macbook.example.ts.net" },
        { ...keys, name: "mini", system: "aarch64-darwin" },
        { ...keys, name: "quiet", system, hook: false },
        { ...keys, name: "server", system },
      ],
      clients: [
        { name: "desktop", system, address: "100.80.1.20" },
        { name: "phone", system, address: "100.80.1.31" },
      ],
    });
    assert.deepEqual(builders, ["100.80.1.20"]);
    assert.deepEqual(hosts, ["100.80.1.20", "100.80.1.31"]);
    assert.deepEqual(unreachable, ["macbook", "mini"]);
  });
});
