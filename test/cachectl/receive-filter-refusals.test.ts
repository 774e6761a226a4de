import assert from "node:assert/strict";
import { FilterHarness, ours, stranger } from "./receive-filter-harness.ts";
import { addToStore, greeting, signedUpload, signUpload, storePath, str, strs, u64 } from "./receive-protocol.ts";

describe("what the filter before nix-store --serve --write refuses", () => {
  let harness: FilterHarness;
  let pass: FilterHarness["pass"];
  beforeEach(() => {
    harness = new FilterHarness();
    ({ pass } = harness);
  });
  afterEach(() => harness.remove());

  const refused: [string, () => Buffer, RegExp][] = [
    ["BuildPaths", () => Buffer.concat([u64(6), strs([storePath("x.drv")])]), /BuildPaths: nothing is built/],
    ["BuildDerivation", () => Buffer.concat([u64(8), str(storePath("x.drv"))]), /BuildDerivation: nothing is built/],
    ["ImportPaths", () => u64(4), /ImportPaths: it carries no signatures/],
    ["ExportPaths", () => u64(5), /ExportPaths/],
    ["DumpStorePath", () => Buffer.concat([u64(3), str(storePath("x"))]), /DumpStorePath: paths are read over HTTP/],
    ["an unknown command", () => u64(99), /serve command 99 is unknown/],
    ["a number that no number is", () => u64(2n ** 64n - 1n), /too large/],
    [
      "a path outside the store",
      () => Buffer.concat([u64(2), strs(["/etc/passwd"])]),
      /no store path: "\/etc\/passwd"/,
    ],
    ["a path with ..", () => Buffer.concat([u64(2), strs([`${storePath("x")}/../../../etc`])]), /no store path/],
    ["a path with a line break", () => Buffer.concat([u64(2), strs([`${storePath("x")}\n`])]), /no store path/],
    ["a path with a NUL", () => Buffer.concat([u64(2), strs([`${storePath("x")}\0`])]), /no store path/],
    ["a name of 1 MiB", () => Buffer.concat([u64(2), strs(["x".repeat(2 ** 20)])]), /1048576 bytes, at most 1024/],
    [
      "a count without end",
      () => Buffer.concat([u64(2), u64(2 ** 40)]),
      /1099511627776 paths in this session's queries/,
    ],
    [
      "padding that hides data",
      () => Buffer.concat([u64(2), u64(1), u64(1), Buffer.from("axxxxxxx")]),
      /padding is not zero/,
    ],
    ["an unsigned path", () => addToStore({ ...signedUpload(ours, "x"), signatures: [] }), /has no signature/],
    ["a path signed by a stranger", () => addToStore(signedUpload(stranger, "x")), /no valid signature/],
    [
      "a NAR that is no NAR by its size",
      () => addToStore({ ...signedUpload(ours, "x"), narSize: 13 }),
      /13 bytes can not be a NAR/,
    ],
    ["a NAR without end", () => addToStore({ ...signedUpload(ours, "x"), narSize: 2n ** 63n }), /too large/],
    [
      "a hash of another form",
      () => addToStore({ ...signedUpload(ours, "x"), narHash: "md5:0" }),
      /64 hexadecimal digits/,
    ],
    [
      "a content address of no form",
      () => addToStore({ ...signedUpload(ours, "x"), contentAddress: "trust me" }),
      /no known form/,
    ],
  ];
  for (const [what, bytes, message] of refused) {
    it(`refuses ${what} and sends none of it on`, async () => {
      const { sent, refusal } = await pass(Buffer.concat([greeting, bytes()]));
      assert.match(refusal?.message ?? "", message);
      assert.ok(sent.length <= greeting.length + 16, "no more than a command's head was sent on");
    });
  }

  it("refuses a signature made over other contents, another path or other references", async () => {
    const upload = signedUpload(ours, "hello", 50, [storePath("glibc")]);
    const changed = [
      { ...upload, path: storePath("sudo") },
      { ...upload, references: [storePath("evil")] },
      { ...upload, narHash: "0".repeat(64) },
      { ...upload, signatures: [signUpload(ours, { ...upload, references: [] })] },
    ];
    for (const one of changed) {
      assert.equal((await pass(Buffer.concat([greeting, addToStore(one)]))).refusal?.kind, "signature");
    }
  });

  it("refuses a greeting of another protocol and a client that is too old", async () => {
    assert.match((await pass(Buffer.concat([u64(0x6e697863), u64(1)]))).refusal?.message ?? "", /greeting/);
    const old = Buffer.concat([u64(0x390c9deb), u64(0x204)]);
    assert.match((await pass(old)).refusal?.message ?? "", /serve protocol 2\.4: 2\.5 or a later 2\.x is needed/);
  });

  it("refuses data before an announcement, and of a builder whose registration was withdrawn meanwhile", async () => {
    const bytes = Buffer.concat([greeting, addToStore(signedUpload(ours, "hello"))]);
    assert.equal((await pass(bytes, { sources: { announced: () => 0 } })).refusal?.kind, "announce");
    assert.equal((await pass(bytes, { sources: { registered: () => false } })).refusal?.kind, "identity");
  });

  it("bounds the bytes of a path, of a day and of the disk", async () => {
    const upload = signedUpload(ours, "hello", 4000);
    const bytes = Buffer.concat([greeting, addToStore(upload)]);
    assert.match(
      (await pass(bytes, { limits: { maxPathBytes: 4096 } })).refusal?.message ?? "",
      /a path may have 4096/,
    );
    assert.match((await pass(bytes, { sources: { freeBytes: () => 2 ** 31 } })).refusal?.message ?? "", /disk is full/);
    assert.equal((await pass(bytes, { limits: { dailyBytes: "15KiB" } })).refusal, undefined);
    assert.match(
      (await pass(bytes, { limits: { dailyBytes: "15KiB" } })).refusal?.message ?? "",
      /of today's 15360 are used/,
    );
  });
});
