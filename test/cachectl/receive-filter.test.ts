import assert from "node:assert/strict";
import { FilterHarness, ours, stranger, upstream } from "./receive-filter-harness.ts";
import { addToStore, greeting, signedUpload, storePath, strs, u64 } from "./receive-protocol.ts";

describe("the filter before nix-store --serve --write", () => {
  let harness: FilterHarness;
  let pass: FilterHarness["pass"];
  beforeEach(() => {
    harness = new FilterHarness();
    ({ pass } = harness);
  });
  afterEach(() => harness.remove());

  it("passes queries on and locks the paths they name, however the bytes are cut", async () => {
    const paths = [storePath("hello"), storePath("glibc-2.42")];
    const query = (lock: number): Buffer =>
      Buffer.concat([greeting, u64(1), u64(lock), u64(1), strs(paths), u64(2), strs(paths)]);
    for (const chunk of [1, 7, 64, 10_000]) {
      assert.deepEqual(await pass(query(0), { chunk }), { sent: query(1) });
    }
  });

  it("passes a signed path on with the server's own time and never as built by the server", async () => {
    const upload = signedUpload(ours, "hello", 5000, [storePath("glibc"), storePath("acl")]);
    const sent = Buffer.concat([greeting, addToStore({ ...upload, registrationTime: 4_000_000_000, ultimate: 1 })]);
    const expected = Buffer.concat([greeting, addToStore(upload)]);
    for (const chunk of [13, 4096]) assert.deepEqual(await pass(sent, { chunk }), { sent: expected });
  });

  it("reads the next command after a NAR, whatever the NAR contains", async () => {
    const uploads = ["one", "two"].map((name) => addToStore(signedUpload(ours, name, 300)));
    const bytes = Buffer.concat([greeting, ...uploads, u64(2), strs([storePath("one")])]);
    assert.deepEqual(await pass(bytes, { chunk: 100 }), { sent: bytes });
  });

  it("drops signatures that do not hold, so that no path claims a signer it has not", async () => {
    const upload = signedUpload(ours, "hello");
    const forged = `${upstream.name}:${Buffer.alloc(64).toString("base64")}`;
    const bytes = Buffer.concat([
      greeting,
      addToStore({ ...upload, signatures: [forged, ...(upload.signatures ?? [])] }),
    ]);
    assert.deepEqual(await pass(bytes), { sent: Buffer.concat([greeting, addToStore(upload)]) });
  });

  it("takes what an upstream signed, and asks Nix for its keys before refusing one it does not know", async () => {
    const upload = signedUpload(upstream, "glibc");
    assert.equal((await pass(Buffer.concat([greeting, addToStore(upload)]))).refusal, undefined);
    const other = Buffer.concat([greeting, addToStore(signedUpload(stranger, "glibc"))]);
    assert.equal((await pass(other, { sources: { nixKeys: () => [stranger.publicKey] } })).refusal, undefined);
    assert.match(
      (await pass(other)).refusal?.message ?? "",
      /no valid signature of a trusted key \(it names "stranger-1"\)/,
    );
  });

  it("takes a path with a content address unsigned: Nix checks the address itself", async () => {
    const upload = {
      ...signedUpload(ours, "source"),
      signatures: [],
      contentAddress: `fixed:r:sha256:${"0".repeat(52)}`,
    };
    const bytes = Buffer.concat([greeting, addToStore(upload)]);
    assert.deepEqual(await pass(bytes), { sent: bytes });
  });
  it("answers a client newer than it knows as the newest it knows", async () => {
    const next = Buffer.concat([u64(0x390c9deb), u64(0x209)]);
    assert.deepEqual((await pass(next)).sent, Buffer.concat([u64(0x390c9deb), u64(0x208)]));
  });
});
