import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseBuilder, sshFingerprint } from "../../nix/cachectl/builders/builder.ts";
import { makeBuilder } from "./builders-fixture.ts";

describe("a builder's registration", () => {
  const good = makeBuilder("macbook");

  it("is read as given, the comment of the ssh key left out", () => {
    const withComment = { ...good, sshKey: `${good.sshKey ?? ""} root@macbook` };
    assert.deepEqual(parseBuilder(withComment), { builder: good });
  });

  it("needs an ssh key unless the tailnet tells who it is", () => {
    const { name, system, signingKey } = good;
    const keyless = { name, system, signingKey };
    assert.match(JSON.stringify(parseBuilder(keyless)), /sshKey is missing/);
    assert.deepEqual(parseBuilder({ ...keyless, tailnet: "macbook" }), { builder: { ...keyless, tailnet: "macbook" } });
  });

  const wrong: [string, unknown, RegExp][] = [
    ["no object", ["x"], /JSON object/],
    ["a name that leads out of a folder", { ...good, name: "../x" }, /name is .*expected a name that matches/],
    ["a name in capitals", { ...good, name: "MacBook" }, /name is/],
    ["a name of 64 letters", { ...good, name: "a".repeat(64) }, /name is/],
    ["an RSA key", { ...good, sshKey: "ssh-rsa AAAAB3NzaC1yc2E=" }, /sshKey is .*expected ssh-ed25519/],
    ["an entry with options before the key", { ...good, sshKey: `command="sh" ${good.sshKey ?? ""}` }, /sshKey is/],
    ["two lines", { ...good, sshKey: `${good.sshKey ?? ""}\n${good.sshKey ?? ""}` }, /sshKey is/],
    ["a key of another kind inside", { ...good, sshKey: `ssh-ed25519 ${"A".repeat(68)}` }, /sshKey is/],
    [
      "a secret signing key",
      { ...good, signingKey: `x-1:${Buffer.alloc(64).toString("base64")}` },
      /signingKey is .*32-byte/,
    ],
    [
      "a signing key with two names",
      { ...good, signingKey: `a b:${Buffer.alloc(32).toString("base64")}` },
      /signingKey is/,
    ],
    ["a field that is none", { ...good, root: true }, /"root" is not a field/],
  ];
  for (const [what, input, message] of wrong) {
    it(`is refused with ${what}`, () => {
      const parsed = parseBuilder(input);
      assert.ok("problems" in parsed);
      assert.match(parsed.problems.join("\n"), message);
    });
  }

  it("has the fingerprint that ssh-keygen shows", function () {
    const folder = mkdtempSync(join(tmpdir(), "fingerprint-"));
    try {
      execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, "key")], { stdio: "ignore" });
    } catch {
      this.skip();
    }
    const key = readFileSync(join(folder, "key.pub"), "utf8").split(" ").slice(0, 2).join(" ");
    const shown = execFileSync("ssh-keygen", ["-l", "-f", join(folder, "key.pub")], { encoding: "utf8" });
    rmSync(folder, { recursive: true });
    assert.equal(shown.split(" ")[1], sshFingerprint(key));
  });
});
