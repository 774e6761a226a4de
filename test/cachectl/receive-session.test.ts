import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { TestServer } from "./receive-host.ts";
import { greeting } from "./receive-protocol.ts";

describe("the receiver's sessions", () => {
  let server: TestServer;
  beforeEach(() => (server = new TestServer()));
  afterEach(() => server.remove());

  it("ends Nix when the time is up, when nothing moves and when it is told to stop", async () => {
    server.config = { limits: { sessionSeconds: 1 } };
    const open = new PassThrough();
    open.write(greeting);
    const late = await server.call(server.alpha.sshKey, "nix-store --serve --write", open);
    assert.deepEqual([late.status, late.errors], [126, "nix-binary-cache: the session lasted over 1 s\n"]);
    server.config = { limits: { idleSeconds: 1 } };
    const idle = await server.call(server.alpha.sshKey, "nix-store --serve --write", new PassThrough());
    assert.match(idle.errors, /nothing moved for 1 s/);
    server.config = {};
    const stop = AbortSignal.timeout(200);
    const stopped = await server.call(
      server.alpha.sshKey,
      "nix-store --serve --write",
      new PassThrough(),
      undefined,
      stop,
    );
    assert.deepEqual([stopped.status, stopped.errors], [1, "nix-binary-cache: stopped from outside\n"]);
  });

  it("passes on Nix's own refusal: its words, its status, and the reason in the log", async () => {
    const file = server.program("nix-store");
    writeFileSync(file, "#!/bin/sh\necho \"error: cannot add path '/nix/store/x'\" >&2\nexit 1\n");
    const { status, errors } = await server.call(
      server.alpha.sshKey,
      "nix-store --serve --write",
      new PassThrough().end(greeting),
    );
    assert.deepEqual([status, errors], [1, "error: cannot add path '/nix/store/x'\n"]);
    assert.equal(server.audit()[0]?.reason, "error: cannot add path '/nix/store/x'");
  });

  it("starts Nix with an environment of its own, always through the daemon", async () => {
    const file = server.program("nix-store");
    const seen = join(server.folder, "environment");
    writeFileSync(file, `#!/bin/sh\nenv > '${seen}'\n`);
    const environment = { ...server.environment(server.alpha.sshKey), NIX_REMOTE: "local", LD_PRELOAD: "/tmp/x.so" };
    await server.call("", "nix-store --serve --write", "", environment);
    const lines = readFileSync(seen, "utf8")
      .split("\n")
      .map((line) => line.split("=")[0]);
    assert.ok(existsSync(seen) && readFileSync(seen, "utf8").includes("NIX_REMOTE=daemon"));
    assert.ok(!lines.includes("LD_PRELOAD") && !lines.includes("SSH_CLIENT"));
  });
});
