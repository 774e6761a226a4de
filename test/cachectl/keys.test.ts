import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { makeSigningKey, publicHalf } from "../../nix/cachectl/keys/signing-key.ts";

const main = join(import.meta.dirname, "../../nix/cachectl/main.ts");

describe("cachectl keys", function () {
  this.timeout(60_000);
  let state = "";
  beforeEach(() => (state = mkdtempSync(join(tmpdir(), "keys-"))));
  afterEach(() => rmSync(state, { recursive: true }));

  function keys(...args: string[]): { status: number | null; stdout: string; stderr: string } {
    const env = { PATH: process.env.PATH, NIX_BINARY_CACHE_STATE: state };
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, "keys", ...args], { env, encoding: "utf8" });
    return { status, stdout, stderr };
  }
  const at = (name: string): string => join(state, "keys", name);

  it("makes both keys on this machine, tells their public halves alone, and keeps them when called again", () => {
    const first = keys("init", "--name", "macbook");
    assert.equal(first.status, 0, first.stderr);
    const halves = JSON.parse(first.stdout) as Record<string, string>;
    assert.match(halves.sshKey ?? "", /^ssh-ed25519 [A-Za-z0-9+/]{68}$/);
    assert.match(halves.signingKey ?? "", /^macbook-1:[A-Za-z0-9+/]{43}=$/);
    for (const name of ["ssh", "signing.secret"]) assert.equal(statSync(at(name)).mode & 0o777, 0o400, name);
    assert.equal(statSync(join(state, "keys")).mode & 0o777, 0o700);
    assert.equal(readFileSync(at("signing.pub"), "utf8"), `${halves.signingKey ?? ""}\n`);
    const secrets = ["ssh", "signing.secret"].map((name) => readFileSync(at(name), "utf8"));
    assert.ok(secrets.every((secret) => !first.stdout.includes(secret.trim())));
    assert.deepEqual(keys("init", "--name", "other").stdout, first.stdout);
    assert.deepEqual(keys("show").stdout, first.stdout);
    assert.deepEqual(readdirSync(join(state, "keys")).sort(), ["signing.pub", "signing.secret", "ssh", "ssh.pub"]);
  });

  it("takes the builder's name from its configuration", () => {
    writeFileSync(join(state, "config.json"), '{"name":"ci-mac"}');
    assert.match(keys("init").stdout, /"signingKey":"ci-mac-1:/);
  });

  it("makes nothing without a name, or with one that no builder has", () => {
    for (const args of [["init"], ["init", "--name", "../x"], ["init", "--name", "A b"]]) {
      const { status, stderr } = keys(...args);
      assert.equal(status, 2);
      assert.match(stderr, /the builder's name is/);
    }
    assert.ok(!existsSync(join(state, "keys")));
  });

  it("says which key is missing or damaged and what to do, and shows nothing of it", () => {
    assert.match(keys("show").stderr, /signing\.secret is not there: make this builder's keys, cachectl keys init/);
    keys("init", "--name", "macbook");
    chmodSync(at("signing.secret"), 0o600);
    writeFileSync(at("signing.secret"), `macbook-1:${"A".repeat(86)}==`);
    const { status, stderr } = keys("show");
    assert.equal(status, 1);
    assert.match(stderr, /signing\.secret is damaged: its two halves do not belong together\. Move it away/);
    assert.doesNotMatch(stderr, /AAAA/);
  });
});

describe("a signing key", () => {
  it("has Nix's form, and a public half that goes with it", () => {
    const secret = makeSigningKey("a-1");
    assert.match(secret, /^a-1:[A-Za-z0-9+/]{86}==$/);
    const bytes = Buffer.from(secret.slice(4), "base64");
    assert.equal(publicHalf(`${secret}\n`), `a-1:${bytes.subarray(32).toString("base64")}`);
  });
});
