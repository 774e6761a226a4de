import assert from "node:assert/strict";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
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
