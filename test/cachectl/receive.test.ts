import assert from "node:assert/strict";
import { lutimesSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { TestServer } from "./receive-host.ts";
import { addToStore, greeting, signedUpload, storePath, strs, u64 } from "./receive-protocol.ts";

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
    assert.deepEqual(server.rootsOf("uploads", "alpha"), [basename(upload.path)]);
    const status = await server.call(alpha.sshKey, "status");
    assert.match(status.output.toString(), /"incoming":0,"uploads":1/);
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
    assert.equal(answer.builder, "alpha");
    assert.deepEqual(answer.roots, { incoming: 2, uploads: 0, limit: 20_000 });
    assert.ok((answer.store?.freeBytes ?? 0) > 0);
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
});
