import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import { describe, it } from "mocha";
import { recordMocks, settled } from "../support/mocks.ts";

const command = "command:remote:Command";
const publicKey = (name: string): string => `${name}:${"A".repeat(43)}=`;
const server = {
  name: "server",
  address: "100.64.0.10",
  port: 22,
  user: "root",
  hostKey: `ssh-ed25519 ${"A".repeat(68)}`,
};

async function build(keys: readonly string[]) {
  const recorder = await recordMocks({
    answers: { [command]: ({ create }) => ({ stdout: publicKey(String(create).split(" ").at(-1) ?? "") }) },
  });
  const { SigningKey } = await import("../../components/signing-key/index.ts");
  const privateKey = pulumi.secret("PRIVATE");
  const component = new SigningKey("signing-key", { server: { ...server, privateKey }, keys, directory: "/var/keys" });
  return { recorder, component };
}

describe("SigningKey", () => {
  it("makes each key on the server by a script on standard input, over a pinned host key", async () => {
    const { recorder, component } = await build(["cache-1", "cache-2"]);
    const { value, secret } = await settled(component.publicKeys);
    assert.deepEqual(value, [publicKey("cache-1"), publicKey("cache-2")]);
    assert.equal(secret, false);
    assert.deepEqual(recorder.named(command), ["signing-key-cache-1", "signing-key-cache-2"]);
    const { inputs, secretInputs } = recorder.find("signing-key-cache-1");
    assert.equal(inputs.create, "sh -s -- /var/keys cache-1");
    assert.equal(inputs.stdin, readFileSync("components/signing-key/generate.sh", "utf8"));
    assert.ok(secretInputs.includes("connection"));
    const connection = inputs.connection as Record<string, unknown>;
    assert.equal(connection.hostKey, server.hostKey);
    assert.equal(connection.privateKey, "PRIVATE");
  });

  it("has no command that would delete a key, and its commands are children of the component", async () => {
    const { recorder, component } = await build(["cache-1"]);
    await settled(component.publicKeys);
    assert.equal(recorder.find("signing-key-cache-1").inputs.delete, undefined);
    const { value: urn } = await settled((component.commands[0] as pulumi.CustomResource).urn);
    assert.match(urn, /nix-binary-cache:cache:SigningKey\$command:remote:Command::signing-key-cache-1$/);
  });

  it("refuses an answer that is no public key, such as a shell's greeting", async () => {
    const { checkPublicKey } = await import("../../components/signing-key/signing-key.ts");
    assert.equal(checkPublicKey(publicKey("cache-1")), publicKey("cache-1"));
    for (const text of ["", "Welcome to the server!", `Welcome\n${publicKey("cache-1")}`, "cache-1:c2hvcnQ="]) {
      assert.throws(() => checkPublicKey(text), /expected one line NAME:BASE64/);
    }
  });
});

describe("KeyEscrow", () => {
  const armored = "-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----\n";
  const age = `age1${"q".repeat(58)}`;

  async function escrow(recipients: readonly string[]) {
    const recorder = await recordMocks({ answers: { [command]: () => ({ stdout: armored }) } });
    const { KeyEscrow } = await import("../../components/signing-key/index.ts");
    const keys = ["cache-1", "cache-2"];
    const copies = new KeyEscrow("key-escrow", {
      server: { ...server, privateKey: pulumi.secret("PRIVATE") },
      keys,
      publicKeys: keys.map(publicKey),
      directory: "/var/keys",
      recipients,
    });
    return { recorder, ...(await settled(copies.copies)) };
  }

  it("has the server encrypt each key, by a command that changes with the key and the recipients alone", async () => {
    const { recorder, value, secret } = await escrow([age, `ssh-ed25519 ${"A".repeat(68)} alice@laptop`]);
    assert.deepEqual(value, { "cache-1": armored, "cache-2": armored });
    assert.equal(secret, false);
    const { inputs } = recorder.find("key-escrow-cache-2");
    assert.equal(inputs.create, `sh -s -- /var/keys ${publicKey("cache-2")} ${age} 'ssh-ed25519 ${"A".repeat(68)}'`);
    assert.equal(inputs.stdin, readFileSync("components/signing-key/escrow.sh", "utf8"));
    assert.deepEqual([inputs.update, inputs.delete, inputs.triggers], [undefined, undefined, undefined]);
  });

  it("makes no copy unless somebody is to have one", async () => {
    const { recorder, value } = await escrow([]);
    assert.deepEqual(value, {});
    assert.deepEqual(recorder.named(command), []);
  });
});
