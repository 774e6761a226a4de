import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { before, describe, it } from "mocha";

const sshd = "/usr/sbin/sshd";
const conf = fileURLToPath(new URL("../../nix/modules/server/sshd.conf", import.meta.url));

describe("What the server's module tells sshd, as sshd understands it", () => {
  before(function () {
    // Debian's sshd looks for this folder before it reads anything; its unit makes it.
    if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
    const missing = [sshd, "/run/sshd"].find((path) => !existsSync(path));
    if (missing === undefined) return;
    console.warn(`      skipped: ${missing}: not found`);
    this.skip();
  });

  it("confines nix-push, whatever stands before it, and nobody else, whatever comes after", () => {
    // The user's own settings around ours: what is ours ends where it should.
    const uploads = settingsFor("nix-push");
    assert.equal(uploads.get("authorizedkeysfile"), "/var/lib/nix-binary-cache/authorized_keys");
    assert.equal(uploads.get("authenticationmethods"), "publickey");
    assert.equal(uploads.get("exposeauthinfo"), "yes");
    assert.equal(uploads.get("disableforwarding"), "yes");
    assert.equal(uploads.get("permittty"), "no");
    assert.equal(uploads.get("permituserrc"), "no");
    const others = settingsFor("root");
    assert.equal(others.get("authorizedkeysfile"), ".ssh/authorized_keys");
    assert.deepEqual([others.get("exposeauthinfo"), others.get("permittty")], ["no", "yes"]);
    assert.deepEqual([uploads.get("maxauthtries"), others.get("maxauthtries")], ["3", "3"]);
  });
});

/** sshd's settings for a user, by sshd itself, with ours amid others. */
function settingsFor(user: string): ReadonlyMap<string, string> {
  const scratch = mkdtempSync(join(tmpdir(), "nix-binary-cache-sshd-"));
  try {
    const key = join(scratch, "key");
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key], { timeout: 10_000 });
    const before = `HostKey ${key}\nAuthorizedKeysFile .ssh/authorized_keys\nPermitTTY yes\n`;
    writeFileSync(join(scratch, "conf"), `${before}${readFileSync(conf, "utf8")}MaxAuthTries 3\n`);
    const test = ["-T", "-f", join(scratch, "conf"), "-C", `user=${user},host=mac,addr=100.64.0.30`];
    const shown = execFileSync(sshd, test, { encoding: "utf8", timeout: 10_000 });
    return new Map(shown.split("\n").map((line) => [line.split(" ")[0] ?? "", line.split(" ").slice(1).join(" ")]));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
