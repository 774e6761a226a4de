import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { PassThrough } from "node:stream";
import { TestServer } from "./receive-host.ts";
import { addToStore, greeting, signedUpload, storePath, strs, u64 } from "./receive-protocol.ts";

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

  it("removes the roots of a session whose receiver was killed, and none of one that runs", async () => {
    const { alpha } = server;
    await server.call(alpha.sshKey, "announce", `${storePath("a")}\n`);
    const incoming = join(server.roots, "incoming", "alpha");
    // The highest process id of Linux is below 2^22.
    for (const pid of [4_194_304, process.pid]) mkdirSync(join(incoming, `.session-${pid}-abcdef`));
    symlinkSync(storePath("held"), join(incoming, ".session-4194304-abcdef", "held"));
    await server.call(alpha.sshKey, "nix-store --serve --write", greeting);
    assert.deepEqual(server.rootsOf("incoming", "alpha"), [`.session-${process.pid}-abcdef`, basename(storePath("a"))]);
  });

  it("bounds the sessions that one builder has open", async () => {
    server.config = { limits: { maxSessions: 1 } };
    const waiting = new PassThrough();
    waiting.write(greeting);
    const first = server.call(server.alpha.sshKey, "nix-store --serve --write", waiting);
    while (server.rootsOf("incoming", "alpha").length === 0) await new Promise((resolve) => setImmediate(resolve));
    const second = await server.call(server.alpha.sshKey, "nix-store --serve --write", greeting);
    assert.deepEqual(
      [second.status, second.errors],
      [126, "nix-binary-cache: 1 sessions are open, a builder may have 1\n"],
    );
    const other = await server.call(server.beta.sshKey, "nix-store --serve --write", greeting);
    assert.equal(other.status, 0);
    waiting.end();
    assert.equal((await first).status, 0);
  });

  it("bounds the paths that a session asks about and sends, however many queries and NARs they come in", async () => {
    const { alpha } = server;
    server.config = { limits: { maxQueryPaths: 3, maxRoots: 1 } };
    await server.call(alpha.sshKey, "announce", `${storePath("a")}\n`);
    const ask = (...names: string[]): Buffer => Buffer.concat([u64(1), u64(1), u64(0), strs(names.map(storePath))]);
    const asked = Buffer.concat([greeting, ask("a", "b"), ask("c", "d")]);
    const { errors } = await server.call(alpha.sshKey, "nix-store --serve --write", asked);
    assert.match(errors, /4 paths in this session's queries, at most 3 are answered/);
    const uploads = ["a", "b"].map((name) => addToStore(signedUpload(alpha.key, name)));
    const sent = await server.call(alpha.sshKey, "nix-store --serve --write", Buffer.concat([greeting, ...uploads]));
    assert.match(sent.errors, /1 paths in one session: commit, then go on/);
  });
});
