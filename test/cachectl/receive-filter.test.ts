import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mkdtempSync, rmSync } from "node:fs";
import { Readable } from "node:stream";
import { Admission, type AdmissionSources } from "../../nix/cachectl/receive/admission.ts";
import { serveCommands } from "../../nix/cachectl/receive/filter/serve-commands.ts";
import { StreamFilter } from "../../nix/cachectl/receive/filter/stream-filter.ts";
import { Ledger } from "../../nix/cachectl/receive/ledger.ts";
import { parseLimits } from "../../nix/cachectl/receive/limits.ts";
import { isStorePath } from "../../nix/cachectl/receive/path-list.ts";
import { Refusal } from "../../nix/cachectl/receive/refusal.ts";
import {
  addToStore,
  greeting,
  makeKey,
  signedUpload,
  signUpload,
  storePath,
  str,
  strs,
  u64,
} from "./receive-protocol.ts";

const ours = makeKey("macbook-1");
const upstream = makeKey("cache.example.org-1");
const stranger = makeKey("stranger-1");

describe("the filter before nix-store --serve --write", () => {
  let folder = "";
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "receive-filter-"))));
  afterEach(() => rmSync(folder, { recursive: true }));

  /** Sends bytes through a filter in chunks; what came out, and what was refused. */
  async function pass(
    bytes: Buffer,
    options: { chunk?: number; sources?: Partial<AdmissionSources>; limits?: object } = {},
  ): Promise<{ sent: Buffer; refusal?: Refusal }> {
    const sources = {
      knownKeys: [ours.publicKey, upstream.publicKey],
      nixKeys: () => [],
      freeBytes: () => 2 ** 50,
      announced: () => 1,
      hold: () => undefined,
      registered: () => true,
      isStorePath,
    };
    const limits = parseLimits({ receive: options.limits ?? {} });
    const policy = new Admission(limits, new Ledger(folder), { ...sources, ...options.sources });
    const filter = new StreamFilter((send) => serveCommands(policy, send));
    const size = options.chunk ?? bytes.length;
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
      bytes.subarray(at * size, (at + 1) * size),
    );
    const sent: Buffer[] = [];
    try {
      for await (const chunk of Readable.from(chunks).compose(filter)) sent.push(chunk as Buffer);
      return { sent: Buffer.concat(sent) };
    } catch (error) {
      assert.ok(error instanceof Refusal, String(error));
      return { sent: Buffer.concat(sent), refusal: error };
    }
  }

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
    ["a count without end", () => Buffer.concat([u64(2), u64(2 ** 40)]), /1099511627776 paths in one query/],
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

  it("answers a client newer than it knows as the newest it knows", async () => {
    const next = Buffer.concat([u64(0x390c9deb), u64(0x209)]);
    assert.deepEqual((await pass(next)).sent, Buffer.concat([u64(0x390c9deb), u64(0x208)]));
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
