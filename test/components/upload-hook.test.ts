import assert from "node:assert/strict";
import { createServer } from "node:net";
import * as pulumi from "@pulumi/pulumi";
import { describe, it } from "mocha";
import { parseConfig, type BuilderConfig } from "../../components/config.ts";
import { nixVars } from "../../components/client-settings/client-settings.ts";
import { recordMocks, settled } from "../support/mocks.ts";

const command = "command:local:Command";
const hostKey = `ssh-ed25519 ${"A".repeat(68)}`;
const macbook = {
  name: "macbook",
  system: "aarch64-darwin",
  install: "ssh",
  address: "100.64.0.30",
  hostKey,
};
const config = parseConfig(
  { server: { name: "server", address: "100.64.0.10", hostKey, flake: "github:a/b" }, builders: [macbook] },
  new Set(),
  "test",
);
const publicKey = `cache-1:${"A".repeat(43)}=`;

async function build(change: Partial<BuilderConfig> = {}, stdout = '{"sshKey":"a","signingKey":"b"}') {
  const recorder = await recordMocks({ answers: { [command]: () => ({ stdout }) } });
  const { UploadHook } = await import("../../components/upload-hook/index.ts");
  const [builder] = config.builders;
  assert.ok(builder);
  const component = new UploadHook("macbook", {
    builder: { ...builder, ...change },
    config,
    nixVars: nixVars("test", config, "http://100.64.0.10:5000", [publicKey]),
    privateKey: pulumi.secret("PRIVATE"),
    awake: true,
  });
  const halves = await settled(component.publicHalves);
  return { halves, ...recorder.find("macbook-install") };
}

async function environment(change: Partial<BuilderConfig> = {}) {
  const { inputs } = await build(change);
  return inputs.environment as Readonly<Record<string, string>>;
}

describe("UploadHook", () => {
  it("installs by one script, and hands it its data in the environment, the key as a secret", async () => {
    const { inputs, secretInputs } = await build();
    assert.equal(inputs.create, "sh components/upload-hook/install-over-ssh.sh install");
    assert.equal(inputs.delete, "sh components/upload-hook/install-over-ssh.sh remove");
    const { TARGET_HOST_KEY, DEPLOY_KEY } = inputs.environment as Record<string, string>;
    assert.equal(TARGET_HOST_KEY, hostKey);
    assert.equal(DEPLOY_KEY, "PRIVATE");
    assert.ok(secretInputs.includes("environment"), "an environment that holds the key is secret as a whole");
  });

  it("turns the hook on only where the builder has it on", async () => {
    assert.match((await environment()).NIX_CONF ?? "", /^post-build-hook = \/etc\/nix\/upload-to-cache\.sh$/m);
    assert.doesNotMatch((await environment({ hook: false })).NIX_CONF ?? "", /post-build-hook/);
  });

  it("tells the uploader where to send, and whose signatures need no second one", async () => {
    const settings = JSON.parse((await environment()).BUILDER_CONFIG ?? "") as Record<string, unknown>;
    assert.deepEqual(settings.server, { host: "100.64.0.10", port: 22, user: "nix-push", hostKey });
    assert.deepEqual(settings.upstreamKeys, ["cache.nixos.org-1"]);
  });

  it("tells the public halves, which are not secret", async () => {
    const { halves } = await build();
    assert.equal(halves.value, '{"sshKey":"a","signingKey":"b"}');
    assert.equal(halves.secret, false);
  });
});

describe("isAwake", () => {
  it("tells a port that answers from one that does not", async () => {
    const { isAwake } = await import("../../components/upload-hook/index.ts");
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const address = server.address();
    assert.ok(typeof address === "object" && address);
    assert.equal(await isAwake("127.0.0.1", address.port), true);
    await new Promise((resolve) => server.close(resolve));
    assert.equal(await isAwake("127.0.0.1", address.port), false);
  });
});
