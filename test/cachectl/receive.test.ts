import assert from "node:assert/strict";
import { chmodSync, existsSync, readFileSync, symlinkSync, lutimesSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { PassThrough } from "node:stream";
import { addToStore, greeting, signedUpload, storePath, strs, u64 } from "./receive-protocol.ts";
import { makeSshKey, TestServer } from "./receive-host.ts";

describe("the receiver", () => {
  let server: TestServer;
  beforeEach(() => (server = new TestServer()));
  afterEach(() => server.remove());

  it("takes a path from announcement to commit, with a root before the data and after it", async () => {
    const { alpha } = server;
    const upload = signedUpload(alpha.key, "hello-2.12");
    const list = `${upload.path}\n`;
    const announced = await server.call(alpha.sshKey, "announce", list);
    assert.deepEqual([announced.status, JSON.parse(announced.output.toString())], [0, { announced: 1 }]);
    assert.deepEqual(server.rootsOf("incoming", "alpha"), [basename(upload.path)]);
    const early = await server.call(alpha.sshKey, "commit", list);
    assert.match(early.output.toString(), /"committed":\[\],.*is not valid in the server's store/);
    const query = Buffer.concat([u64(1), u64(0), u64(1), strs([upload.path])]);
    const sent = await server.call(
      alpha.sshKey,
      "nix-store --serve --write",
      Buffer.concat([greeting, query, addToStore(upload)]),
    );
    assert.deepEqual(sent, {
      status: 0,
      output: Buffer.concat([u64(0x5452eecb), u64(0x207), u64(0), u64(1)]),
      errors: "",
    });
    const committed = await server.call(alpha.sshKey, "commit", list);
    assert.deepEqual(JSON.parse(committed.output.toString()), { committed: [upload.path], refused: [] });
    assert.deepEqual(
      [server.rootsOf("incoming", "alpha"), server.rootsOf("uploads", "alpha")],
      [[], [basename(upload.path)]],
    );
  });

  it("commits again what was committed before, so that an uploader that lost the answer can ask again", async () => {
    const { alpha } = server;
    const upload = signedUpload(alpha.key, "hello");
    await server.call(alpha.sshKey, "announce", `${upload.path}\n`);
    await server.call(alpha.sshKey, "nix-store --serve --write", Buffer.concat([greeting, addToStore(upload)]));
    for (let time = 0; time < 2; time++) {
      const { output } = await server.call(alpha.sshKey, "commit", `${upload.path}\n`);
      assert.deepEqual(JSON.parse(output.toString()), { committed: [upload.path], refused: [] });
    }
  });

  it("commits for one builder what another builder or the server itself had brought before", async () => {
    const { alpha, beta } = server;
    const [theirs, ours] = [signedUpload(beta.key, "shared"), storePath("built-here")];
    await server.call(beta.sshKey, "announce", `${theirs.path}\n`);
    await server.call(beta.sshKey, "nix-store --serve --write", Buffer.concat([greeting, addToStore(theirs)]));
    const store = JSON.parse(readFileSync(server.store, "utf8")) as object;
    const entry = { references: [], narSize: 8, narHash: "sha256:x", signatures: [], contentAddress: "" };
    const nobodys = storePath("nobodys");
    writeFileSync(server.store, JSON.stringify({ ...store, [ours]: { ...entry, ultimate: true }, [nobodys]: entry }));
    const list = `${[theirs.path, ours, nobodys].join("\n")}\n`;
    await server.call(alpha.sshKey, "announce", list);
    const { output } = await server.call(alpha.sshKey, "commit", list);
    assert.deepEqual(JSON.parse(output.toString()), {
      committed: [theirs.path, ours],
      refused: [{ path: nobodys, reason: "is signed by nobody trusted (it names nobody)" }],
    });
  });

  it("refuses to commit what was not announced", async () => {
    const { alpha } = server;
    const upload = signedUpload(alpha.key, "hello");
    await server.call(alpha.sshKey, "announce", `${storePath("other")}\n`);
    await server.call(alpha.sshKey, "nix-store --serve --write", Buffer.concat([greeting, addToStore(upload)]));
    const { output } = await server.call(alpha.sshKey, "commit", `${upload.path}\n`);
    assert.match(output.toString(), /"reason":"was not announced"/);
    assert.deepEqual(server.rootsOf("uploads", "alpha"), []);
  });

  it("answers status with the builder's own counts and limits", async () => {
    await server.call(server.alpha.sshKey, "announce", `${storePath("a")}\n${storePath("b")}\n`);
    const { output } = await server.call(server.alpha.sshKey, "status");
    const answer = JSON.parse(output.toString()) as Record<string, Record<string, number>>;
    assert.equal(answer["builder"] as unknown, "alpha");
    assert.deepEqual(answer["roots"], { incoming: 2, uploads: 0, limit: 20_000 });
    assert.ok((answer["store"]?.["freeBytes"] ?? 0) > 0);
  });

  it("removes an announced root that was never committed once it is old, and keeps one announced again", async () => {
    const { alpha } = server;
    const [old, renewed] = [storePath("old"), storePath("renewed")];
    await server.call(alpha.sshKey, "announce", `${old}\n${renewed}\n`);
    const monthAgo = new Date(Date.now() - 30 * 24 * 3600 * 1000);
    lutimesSync(join(server.roots, "incoming", "alpha", basename(old)), monthAgo, monthAgo);
    await server.call(alpha.sshKey, "announce", `${renewed}\n`);
    assert.deepEqual(server.rootsOf("incoming", "alpha"), [basename(renewed)]);
  });

  const commands = [
    undefined,
    "",
    "bash",
    "nix-daemon --stdio",
    "nix-store --gc",
    "nix-store --serve",
    "nix-store --serve --write; id",
    "nix-store  --serve --write",
    "nix-store --serve --write --store /tmp",
    "announce beta",
    "scp -t /tmp",
    "rsync --server . .",
    "/usr/lib/openssh/sftp-server",
    "internal-sftp",
    "status\n",
    "x".repeat(2 ** 20),
  ];
  for (const command of commands) {
    it(`refuses ${JSON.stringify(command?.slice(0, 40) ?? "an interactive login")} with status 126 and says why`, async () => {
      const { status, errors } = await server.call(server.alpha.sshKey, command);
      assert.equal(status, 126);
      assert.match(errors, /^nix-binary-cache: .*(refused|no interactive login).{1,200}\n$/);
      assert.deepEqual(
        server.audit().map(({ builder, outcome, kind }) => ({ builder, outcome, kind })),
        [{ builder: "alpha", outcome: "refused", kind: "command" }],
      );
    });
  }

  it("holds the caller's own command to the same list where sshd forces ours", async () => {
    const environment = server.environment(server.alpha.sshKey);
    const ours = await server.call("", "receive", "", { ...environment, SSH_ORIGINAL_COMMAND: "status" });
    assert.equal(ours.status, 0);
    for (const SSH_ORIGINAL_COMMAND of ["internal-sftp", "receive", undefined]) {
      assert.equal((await server.call("", "receive", "", { ...environment, SSH_ORIGINAL_COMMAND })).status, 126);
    }
  });

  const lists: [string, (path: string) => string, RegExp][] = [
    ["a path outside the store", () => "/etc/passwd\n", /line 1 is no store path/],
    ["the store itself", () => "/nix/store\n", /no store path/],
    ["a file inside a path", (path) => `${path}/bin/sh\n`, /no store path/],
    ["a name with ..", (path) => `${path}\n${path}/../x\n`, /line 2 is no store path/],
    ["a name that is ..", () => `/nix/store/${"0".repeat(32)}-..\n`, /no store path/],
    ["a hash with letters that Nix does not use", () => `/nix/store/${"e".repeat(32)}-x\n`, /no store path/],
    ["a NUL", (path) => `${path}\0\n`, /no store path/],
    ["a carriage return", (path) => `${path}\r\n`, /no store path/],
    ["an empty line", (path) => `${path}\n\n${path}\n`, /line 2 is no store path/],
    ["a line of 1 MiB", () => `/nix/store/${"0".repeat(2 ** 20)}\n`, /no store path/],
    ["a list that was cut off", (path) => `${path}\n${path.slice(0, -3)}`, /cut off/],
    ["more bytes than a list may have", (path) => `${path}\n`.repeat(60_000), /more than 2097152 bytes/],
    ["more paths than a list may have", (path) => `${path}\n`.repeat(5001), /5001 paths in one call/],
  ];
  for (const [what, list, message] of lists) {
    it(`refuses an announcement with ${what} and leaves no root`, async () => {
      const { status, errors } = await server.call(server.alpha.sshKey, "announce", list(storePath("hello")));
      assert.equal(status, 126);
      assert.match(errors, message);
      assert.deepEqual(server.rootsOf("incoming", "alpha"), []);
    });
  }

  it("refuses more roots than a builder may have and makes none of them", async () => {
    server.config = { receive: { maxRoots: 3 } };
    const list = (...names: string[]): string => names.map((name) => `${storePath(name)}\n`).join("");
    assert.equal((await server.call(server.alpha.sshKey, "announce", list("a", "b"))).status, 0);
    const { status, errors } = await server.call(server.alpha.sshKey, "announce", list("b", "c", "d"));
    assert.deepEqual([status, errors], [126, "nix-binary-cache: 4 roots of this builder, at most 3 are kept\n"]);
    assert.equal(server.rootsOf("incoming", "alpha").length, 2);
    assert.equal((await server.call(server.alpha.sshKey, "announce", list("a", "b", "c"))).status, 0);
  });

  it("roots for the builder whose key was used, whatever the environment claims", async () => {
    const environment = { ...server.environment(server.alpha.sshKey), USER: "beta", LOGNAME: "beta" };
    await server.call("", "announce", `${storePath("x")}\n`, environment);
    assert.deepEqual([server.rootsOf("incoming", "alpha").length, server.rootsOf("incoming", "beta").length], [1, 0]);
  });

  it("refuses a key of no builder and logs its fingerprint", async () => {
    const { status, errors } = await server.call(makeSshKey(), "status");
    assert.equal(status, 126);
    assert.match(errors, /the ssh key SHA256:[\w+/]{43} is no builder's: register it/);
    assert.deepEqual([server.audit()[0]?.["builder"], server.audit()[0]?.["kind"]], [null, "identity"]);
  });

  it("refuses identity files that sshd did not make: readable by others, a link, a folder, nothing", async () => {
    const environment = server.environment(server.alpha.sshKey);
    const real = environment["SSH_USER_AUTH"] ?? "";
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
      environment["SSH_USER_AUTH"] ?? "",
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
    assert.equal(lines[1]?.["address"], "100.80.1.30");
  });

  it("does nothing at all when the audit log can't be written", async () => {
    mkdirSync(join(server.state, "audit.log"));
    await assert.rejects(server.call(server.alpha.sshKey, "announce", `${storePath("a")}\n`));
    assert.deepEqual(server.rootsOf("incoming", "alpha"), []);
  });

  it("ends Nix when the time is up, when nothing moves and when it is told to stop", async () => {
    server.config = { receive: { sessionSeconds: 1 } };
    const open = new PassThrough();
    open.write(greeting);
    const late = await server.call(server.alpha.sshKey, "nix-store --serve --write", open);
    assert.deepEqual([late.status, late.errors], [126, "nix-binary-cache: the session lasted over 1 s\n"]);
    server.config = { receive: { idleSeconds: 1 } };
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
    assert.equal(server.audit()[0]?.["reason"], "error: cannot add path '/nix/store/x'");
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
