import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeSshKey, TestServer } from "./receive-host.ts";
import { storePath } from "./receive-protocol.ts";

describe("the receiver's callers", () => {
  let server: TestServer;
  beforeEach(() => (server = new TestServer()));
  afterEach(() => server.remove());

  it("roots for the builder whose key was used, whatever the environment claims", async () => {
    const environment = { ...server.environment(server.alpha.sshKey), USER: "beta", LOGNAME: "beta" };
    await server.call("", "announce", `${storePath("x")}\n`, environment);
    assert.deepEqual([server.rootsOf("incoming", "alpha").length, server.rootsOf("incoming", "beta").length], [1, 0]);
  });

  it("refuses a key of no builder and logs its fingerprint", async () => {
    const { status, errors } = await server.call(makeSshKey(), "status");
    assert.equal(status, 126);
    assert.match(errors, /the ssh key SHA256:[\w+/]{43} is no builder's: register it/);
    assert.deepEqual([server.audit()[0]?.builder, server.audit()[0]?.kind], [null, "identity"]);
  });

  it("refuses identity files that sshd did not make: readable by others, a link, a folder, nothing", async () => {
    const environment = server.environment(server.alpha.sshKey);
    const real = environment.SSH_USER_AUTH ?? "";
    const link = join(server.folder, "link");
    symlinkSync(real, link);
    for (const SSH_USER_AUTH of [link, server.folder, join(server.folder, "absent")]) {
      assert.equal((await server.call("", "status", "", { ...environment, SSH_USER_AUTH })).status, 126);
    }
    chmodSync(real, 0o644);
    assert.match((await server.call("", "status", "", environment)).errors, /not one that sshd made/);
  });

  it("refuses two builders' keys in one session", async () => {
    const environment = server.environment(server.alpha.sshKey);
    writeFileSync(
      environment.SSH_USER_AUTH ?? "",
      `publickey ${server.alpha.sshKey}\npublickey ${server.beta.sshKey}\n`,
    );
    assert.equal((await server.call("", "status", "", environment)).status, 126);
  });

  it("knows nobody without an ssh key when no builder is known by its tailnet node", async () => {
    const { errors } = await server.call("", "status", "", { SSH_CLIENT: "100.80.1.30 50000 22" });
    assert.match(errors, /ExposeAuthInfo/);
  });

  // The answer's fields are those of tailscale 1.98.10.
  const mac = { Name: "mac.tail1.ts.net.", Addresses: ["100.80.1.30/32", "fd7a:115c::1e/128"] };
  const tagged = { ...mac, Name: "alpha.tail1.ts.net.", Tags: ["tag:nix-ci"] };
  for (const [what, node, tailnet, known] of [
    ["its address", mac, "100.80.1.30", true],
    ["its IPv6 address", mac, "fd7a:115c::1e", true],
    ["its IPv6 address, written in full", mac, "FD7A:115C:0000:0:0:0:0:001E", true],
    ["its name", mac, "mac", true],
    ["its tag", tagged, "tag:nix-ci", true],
    ["the address of a tagged node", tagged, "100.80.1.30", true],
    ["another node's address", mac, "100.80.1.31", false],
    ["a name that a tagged node gave itself", tagged, "alpha", false],
  ] as const) {
    it(`${known ? "knows" : "does not know"} a builder by ${what}`, async () => {
      server.knowByTailnet(server.alpha, tailnet);
      const { status, errors } = await server.call("", "status", "", server.tailscaleEnvironment(node));
      assert.equal(status, known ? 0 : 126, errors);
      if (!known) assert.match(errors, /the tailnet node "[a-z.0-9]+" \(.*\) is not one builder's/);
    });
  }

  it("takes no file of keys from a caller where Tailscale SSH answers: nobody else makes one there", async () => {
    server.knowByTailnet(server.alpha, "100.80.1.30");
    const forged = server.environment(server.beta.sshKey).SSH_USER_AUTH;
    const environment = { ...server.tailscaleEnvironment(mac), SSH_USER_AUTH: forged };
    server.config = { server: { ssh: "tailscale" } };
    assert.equal((await server.call("", "status", "", environment)).status, 0);
    assert.equal(server.audit().at(-1)?.builder, "alpha");
    server.config = {};
    await server.call("", "status", "", environment);
    assert.equal(server.audit().at(-1)?.builder, "beta");
  });

  it("fails Tailscale's probe of its login shell without a word, and logs nothing of it", async () => {
    const { status, errors } = await server.call("", "true", "", { PATH: process.env.PATH });
    assert.deepEqual([status, errors], [126, ""]);
    assert.equal(existsSync(join(server.state, "audit.log")), false);
    assert.equal((await server.call(server.alpha.sshKey, "true")).status, 126);
    assert.equal(server.audit().length, 1);
  });

  it("writes one audit line a call, which no caller can break", async () => {
    await server.call(server.alpha.sshKey, `x","builder":"root"}\n{"forged":true`);
    await server.call(server.alpha.sshKey, "announce", `${storePath("a")}\n`);
    const lines = server.audit();
    assert.equal(lines.length, 2);
    assert.deepEqual(Object.keys(lines[1] ?? {}), [
      "time",
      "builder",
      "key",
      "address",
      "verb",
      "paths",
      "refused",
      "bytes",
      "outcome",
      "ms",
    ]);
    assert.equal(lines[1]?.address, "100.80.1.30");
  });

  it("does nothing at all when the audit log can't be written", async () => {
    mkdirSync(join(server.state, "audit.log"));
    await assert.rejects(server.call(server.alpha.sshKey, "announce", `${storePath("a")}\n`));
    assert.deepEqual(server.rootsOf("incoming", "alpha"), []);
  });
});
