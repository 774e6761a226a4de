import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import { describe, it } from "mocha";
import { recordMocks, settled } from "../support/mocks.ts";

const command = "command:remote:Command";
const publicKey = `cache-1:${"A".repeat(43)}=`;
const inspection = {
  drvPath: "/nix/store/aaaa-toplevel.drv",
  outPath: "/nix/store/bbbb-toplevel",
  revision: "1234",
  builds: 3,
  fetches: 2,
  size: "1 MiB",
  current: "",
  told: [],
};
const halves = JSON.stringify({ sshKey: `ssh-ed25519 ${"B".repeat(68)}`, signingKey: `mac-1:${"C".repeat(43)}=` });

async function build(
  publicHalves = halves,
  stdout = '{"toplevel":"/nix/store/bbbb-toplevel","previous":"","url":"http://100.64.0.10:5000"}',
) {
  const recorder = await recordMocks({ answers: { [command]: () => ({ stdout }) } });
  const { CacheServer } = await import("../../components/cache-server/index.ts");
  const component = new CacheServer("cache-server", {
    server: {
      name: "server",
      address: "100.64.0.10",
      port: 22,
      user: "root",
      hostKey: `ssh-ed25519 ${"A".repeat(68)}`,
      privateKey: pulumi.secret("PRIVATE"),
    },
    flake: "github:alice/nixos-config",
    configuration: "server",
    inspection,
    url: "http://100.64.0.10:5000",
    timeoutSeconds: 600,
    publicKeys: [publicKey],
    builders: [{ name: "macbook", system: "aarch64-darwin", publicHalves }],
  });
  await settled(component.url);
  // The registration waits for the deploy; its resource arrives one turn later.
  await new Promise((resolve) => setTimeout(resolve, 50));
  return { recorder, component };
}

describe("CacheServer", () => {
  it("deploys detached from the ssh session, naming the system that the preview spoke of", async () => {
    const { recorder } = await build();
    const { inputs } = recorder.find("cache-server-deploy");
    assert.equal(
      inputs.create,
      "systemd-run --collect --wait --pipe --quiet --description=nix-binary-cache-deploy sh -s -- " +
        `github:alice/nixos-config server ${inspection.outPath} http://100.64.0.10:5000 600 ${publicKey}`,
    );
    assert.equal(inputs.stdin, readFileSync("components/cache-server/deploy.sh", "utf8"));
    assert.equal(inputs.delete, undefined);
  });

  it("tells the deployed system and the proven address, neither of them secret", async () => {
    const { component } = await build();
    assert.deepEqual(await settled(component.toplevel).then(({ value, secret }) => ({ value, secret })), {
      value: inspection.outPath,
      secret: false,
    });
    assert.equal((await settled(component.url)).value, "http://100.64.0.10:5000");
  });

  it("registers each builder after the deploy, and takes it off when it leaves the list", async () => {
    const { recorder } = await build();
    assert.deepEqual(recorder.named(command), ["cache-server-deploy", "cache-server-builder-macbook"]);
    const { inputs } = recorder.find("cache-server-builder-macbook");
    assert.equal(inputs.create, "cachectl builders add");
    assert.equal(inputs.delete, "cachectl builders remove macbook");
    assert.deepEqual(JSON.parse(String(inputs.stdin)), {
      name: "macbook",
      system: "aarch64-darwin",
      ...(JSON.parse(halves) as object),
    });
  });

  it("leaves a builder that has no keys yet for the update that finds some", async () => {
    const { recorder } = await build('{"pending":"unreachable"}');
    assert.equal(recorder.find("cache-server-builder-macbook").inputs.create, "true");
  });

  it("pins the host key on every connection, which is secret, and sends no variables that sshd would not take", async () => {
    const { recorder } = await build();
    for (const { inputs, secretInputs, type } of recorder.resources) {
      if (type !== command) continue;
      assert.ok(secretInputs.includes("connection"));
      assert.equal(inputs.addPreviousOutputInEnv, false);
      assert.equal((inputs.connection as { hostKey: string }).hostKey, `ssh-ed25519 ${"A".repeat(68)}`);
    }
  });
});
