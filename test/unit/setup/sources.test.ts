import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { flakeOutputs, readFlakeShow } from "../../../scripts/setup/flake.ts";
import { fingerprint, readKeyscan, scanHostKey } from "../../../scripts/setup/host-key.ts";
import { noSshd, type Sshd, startSshd } from "../lab-providers/sshd.ts";

const key = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKu4NnJGV2ZHG2yHVIcJJzYWj2TsXjXO4aQz2H0JvE2N`;

describe("a flake's outputs for setup", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "setup-sources-"));
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  function double(name: string, body: string): string {
    const file = join(folder, name);
    writeFileSync(file, `#!/bin/sh\n${body}\n`);
    chmodSync(file, 0o755);
    return file;
  }

  it("are the names of its configurations", () => {
    const shown = {
      nixosConfigurations: { server: { type: "nixos-configuration" }, desktop: { type: "nixos-configuration" } },
      darwinConfigurations: { type: "unknown" },
    };
    assert.deepEqual(readFlakeShow(JSON.stringify(shown)), { nixos: ["desktop", "server"], darwin: "unknown" });
    assert.deepEqual(readFlakeShow("{}"), { nixos: [], darwin: [] });
  });

  it("are read from Determinate Nix's form too", () => {
    const children = { macbook: { what: "nix-darwin configuration" } };
    const shown = { inventory: { darwinConfigurations: { output: { children } } }, version: 2 };
    assert.deepEqual(readFlakeShow(JSON.stringify(shown)), { nixos: [], darwin: ["macbook"] });
  });

  it("take a second question where Nix does not show nix-darwin's names", async () => {
    const program = double(
      "nix-darwin",
      `case "$*" in
*"flake show"*) echo '{"darwinConfigurations":{"type":"unknown"}}' ;;
*eval*) echo '["macbook","mini"]' ;;
esac`,
    );
    assert.deepEqual(await flakeOutputs("github:a/b", program), { nixos: [], darwin: ["macbook", "mini"] });
  });

  it("are unknown, with Nix's own reason, where the flake can't be read", async () => {
    const program = double("nix-failing", 'echo "warning: x" >&2; echo "error: path /srv does not exist" >&2; exit 1');
    assert.deepEqual(await flakeOutputs("path:/srv", program), { reason: "error: path /srv does not exist" });
    assert.deepEqual(await flakeOutputs("path:/srv", join(folder, "absent")), { reason: "nix is not installed here" });
  });
});

describe("a host key for setup", () => {
  let sshd: Sshd | undefined;
  before(async () => {
    if (noSshd() === undefined) sshd = await startSshd();
  });
  after(() => {
    sshd?.stop();
  });

  it("is the first ed25519 key that ssh-keyscan prints", () => {
    assert.equal(readKeyscan(`# 100.64.0.1:22 SSH-2.0\n100.64.0.1 ssh-rsa AAAA\n[100.64.0.1]:22 ${key}\n`)?.key, key);
    assert.equal(readKeyscan("# nothing\n"), undefined);
  });

  it("has the fingerprint that OpenSSH shows", () => {
    const shown = execFileSync("ssh-keygen", ["-lf", "-"], { input: key, encoding: "utf8", timeout: 10_000 });
    assert.equal(shown.split(" ")[1], fingerprint(key));
  });

  it(`is found out from a real server${noSshd() === undefined ? "" : ` (skipped: ${noSshd() ?? ""})`}`, async function () {
    if (sshd === undefined) return this.skip();
    const found = await scanHostKey("127.0.0.1", sshd.port);
    assert.ok("key" in found);
    assert.equal(found.key, sshd.hostKey.split(" ").slice(0, 2).join(" "));
  });

  it("is missed with the reason where nothing answers, or ssh-keyscan is not there", async () => {
    assert.match(JSON.stringify(await scanHostKey("127.0.0.1", 1)), /127\.0\.0\.1 port 1/);
    assert.match(JSON.stringify(await scanHostKey("127.0.0.1", 1, "/absent/ssh-keyscan")), /is not installed/);
  });
});
