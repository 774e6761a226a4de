import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { describe, it } from "mocha";
import { parseConfig } from "../../components/config.ts";
import { recordMocks, settled } from "../support/mocks.ts";

const hostKey = `ssh-ed25519 ${"A".repeat(68)}`;
const signingKey = `mac-1:${"A".repeat(43)}=`;

async function registered(ssh: "openssh" | "tailscale", installed = JSON.stringify({ sshKey: hostKey, signingKey })) {
  await recordMocks();
  const { registeredBuilders } = await import("../../components/builders.ts");
  const common = { system: "aarch64-darwin", hostKey };
  const builders = [
    { name: "mac", address: "100.64.0.2", sshKey: hostKey, signingKey, ...common },
    { name: "studio", address: "100.64.0.3", install: "ssh", ...common },
  ];
  const server = { name: "server", address: "100.64.0.1", hostKey, flake: "path:/etc/nixos", ssh };
  const config = parseConfig({ server, builders, ci: { enabled: false } }, new Set(["deployKey"]), "test");
  const hooks = new Map([["studio", { publicHalves: pulumi.output(installed) }]]) as never;
  const found = registeredBuilders(config, hooks, undefined);
  const halves = await Promise.all(
    found.map(async ({ publicHalves }) => (await settled(pulumi.output(publicHalves))).value),
  );
  return halves.map((text) => JSON.parse(text) as Record<string, string>);
}

describe("the builders that the server is told of", () => {
  it("are known by their keys alone under OpenSSH", async () => {
    for (const halves of await registered("openssh")) assert.deepEqual(halves, { sshKey: hostKey, signingKey });
  });

  it("are known by their tailnet addresses under Tailscale SSH, which presents no key", async () => {
    assert.deepEqual(
      (await registered("tailscale")).map(({ tailnet }) => tailnet),
      ["100.64.0.2", "100.64.0.3"],
    );
  });

  it("stay as they are told of while they have no keys", async () => {
    const [, studio] = await registered("tailscale", '{"pending":"unreachable"}');
    assert.deepEqual(studio, { pending: "unreachable" });
  });
});
