import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Builder } from "../../nix/cachectl/builders/builder.ts";
import { addBuilder, removeBuilder } from "../../nix/cachectl/builders/register.ts";
import { readBuilders } from "../../nix/cachectl/builders/registry.ts";
import { withdrawnKeys } from "../../nix/cachectl/builders/withdrawn.ts";
import { makeBuilder } from "./builders-fixture.ts";
import { makeSshKey } from "./receive-host.ts";
import { makeKey } from "./receive-protocol.ts";

describe("the registry of builders", () => {
  let state = "";
  let restarts = 0;
  let failing = false;
  const registry = () => ({
    stateDirectory: state,
    config: { publicKeys: [makeKey("server-cache-1").publicKey] },
    restartNix: () => {
      restarts += 1;
      return failing ? Promise.reject(new Error("nix-daemon did not start")) : Promise.resolve();
    },
  });
  const text = (file: string): string => readFileSync(join(state, file), "utf8");

  beforeEach(() => {
    state = mkdtempSync(join(tmpdir(), "builders-"));
    [restarts, failing] = [0, false];
  });
  afterEach(() => rmSync(state, { recursive: true }));

  it("adds a builder: its registration, its entry for sshd without any right but the receiver, its key for Nix", async () => {
    const macbook = makeBuilder("macbook");
    const changes = await addBuilder(registry(), macbook);
    assert.deepEqual(changes, [
      "added builder macbook",
      "wrote authorized_keys",
      "wrote trusted-keys.conf",
      "restarted the Nix daemon",
    ]);
    assert.deepEqual(readBuilders(state), [macbook]);
    assert.match(
      text("authorized_keys"),
      new RegExp(`^restrict,command="receive" ${macbook.sshKey?.replaceAll("+", "\\+") ?? ""} macbook$`, "m"),
    );
    assert.match(text("trusted-keys.conf"), /^extra-trusted-public-keys = macbook-1:\S{44}$/m);
    for (const file of ["authorized_keys", "trusted-keys.conf", "builders/macbook.json"]) {
      assert.equal(statSync(join(state, file)).mode & 0o777, 0o644);
    }
  });

  it("changes nothing, and restarts nothing, when a builder is added just so again", async () => {
    const macbook = makeBuilder("macbook");
    await addBuilder(registry(), macbook);
    assert.deepEqual(await addBuilder(registry(), macbook), []);
    assert.deepEqual(
      [restarts, readdirSync(state).sort()],
      [1, ["authorized_keys", "builders", "builders.lock", "trusted-keys.conf"]],
    );
  });

  it("restarts Nix only when the trusted keys change", async () => {
    const macbook = makeBuilder("macbook");
    await addBuilder(registry(), macbook);
    const changes = await addBuilder(registry(), { ...macbook, sshKey: makeSshKey() });
    assert.deepEqual(changes, ["changed builder macbook", "wrote authorized_keys"]);
    assert.equal(restarts, 1);
  });

  it("registers builders that are added at the same time, all of them, in every file", async () => {
    const names = ["ci", "desktop", "laptop", "macbook"];
    await Promise.all(names.map((name) => addBuilder(registry(), makeBuilder(name))));
    for (const name of names) {
      assert.match(text("authorized_keys"), new RegExp(` ${name}$`, "m"));
      assert.match(text("trusted-keys.conf"), new RegExp(`[ =]${name}-1:`));
    }
  });

  it("restarts Nix on the next call when the restart failed the first time", async () => {
    failing = true;
    const macbook = makeBuilder("macbook");
    await assert.rejects(addBuilder(registry(), macbook), /did not start/);
    failing = false;
    assert.deepEqual(await addBuilder(registry(), macbook), ["restarted the Nix daemon"]);
    assert.deepEqual(await addBuilder(registry(), macbook), []);
  });

  it("removes a builder and remembers its signing key for a revocation", async () => {
    const [macbook, desktop] = [makeBuilder("macbook"), makeBuilder("desktop")];
    await addBuilder(registry(), macbook);
    await addBuilder(registry(), desktop);
    const changes = await removeBuilder(registry(), "macbook");
    assert.deepEqual(changes, [
      "removed builder macbook",
      "wrote authorized_keys",
      "wrote trusted-keys.conf",
      "restarted the Nix daemon",
    ]);
    assert.deepEqual(readBuilders(state), [desktop]);
    assert.deepEqual(withdrawnKeys(state, "macbook"), [macbook.signingKey]);
    assert.deepEqual(await removeBuilder(registry(), "macbook"), []);
    await removeBuilder(registry(), "desktop");
    assert.doesNotMatch(text("trusted-keys.conf"), /extra-trusted-public-keys/);
  });

  it("remembers the signing key that a changed registration replaces", async () => {
    const macbook = makeBuilder("macbook");
    await addBuilder(registry(), macbook);
    await addBuilder(registry(), { ...macbook, signingKey: makeKey("macbook-2").publicKey });
    assert.deepEqual(withdrawnKeys(state, "macbook"), [macbook.signingKey]);
  });

  it("refuses two builders with one key, one key's name, or one node of the tailnet, and changes nothing", async () => {
    const macbook = { ...makeBuilder("macbook"), tailnet: "tag:nix-ci" };
    await addBuilder(registry(), macbook);
    const before = readdirSync(join(state, "builders"));
    const thief = makeBuilder("thief");
    const shared: [Partial<Builder>, RegExp][] = [
      [{ sshKey: macbook.sshKey }, /sshKey is that of macbook/],
      [{ signingKey: `thief-1:${macbook.signingKey.split(":")[1] ?? ""}` }, /signingKey is that of macbook/],
      [{ signingKey: makeKey("macbook-1").publicKey }, /signingKey has the name macbook-1, as that of macbook has/],
      [
        { signingKey: makeKey("server-cache-1").publicKey },
        /the name server-cache-1, which is the server's or an upstream's/,
      ],
      [{ tailnet: "tag:nix-ci" }, /tailnet is that of macbook/],
    ];
    for (const [change, message] of shared)
      await assert.rejects(addBuilder(registry(), { ...thief, ...change }), message);
    assert.deepEqual(readdirSync(join(state, "builders")), before);
  });

  it("names the file of a registration that is none", async () => {
    await addBuilder(registry(), makeBuilder("macbook"));
    writeFileSync(join(state, "builders", "broken.json"), "{");
    assert.throws(() => readBuilders(state), /builders\/broken\.json is no registration/);
    writeFileSync(join(state, "builders", "broken.json"), JSON.stringify(makeBuilder("other")));
    assert.throws(() => readBuilders(state), /registers other/);
  });

  it("has no builders where there is no folder yet", () => {
    assert.deepEqual(readBuilders(join(state, "absent")), []);
    assert.ok(!existsSync(join(state, "absent")));
  });
});
