import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import fc from "fast-check";
import { Admission } from "../../nix/cachectl/receive/admission.ts";
import { serveCommands } from "../../nix/cachectl/receive/filter/serve-commands.ts";
import { StreamFilter } from "../../nix/cachectl/receive/filter/stream-filter.ts";
import type { Ledger } from "../../nix/cachectl/receive/ledger.ts";
import { parseLimits } from "../../nix/cachectl/receive/limits.ts";
import { isStorePath, readPathList } from "../../nix/cachectl/receive/path-list.ts";
import { Refusal } from "../../nix/cachectl/receive/refusal.ts";
import { parseRequest } from "../../nix/cachectl/receive/request.ts";
import { BuilderRoots } from "../../nix/cachectl/receive/roots.ts";
import { addToStore, greeting, makeKey, signedUpload, storePath, str, strs, u64 } from "./receive-protocol.ts";

const key = makeKey("macbook-1");
const limits = parseLimits({ receive: { maxPathBytes: "1MiB" } });

/** A ledger without a disk. */
const ledger = { total: () => 0, add: () => undefined } as unknown as Ledger;

function filterOf(): StreamFilter {
  const policy = new Admission(limits, ledger, {
    knownKeys: [key.publicKey],
    nixKeys: () => [],
    freeBytes: () => 2 ** 50,
    announced: () => 1,
    hold: () => undefined,
    registered: () => true,
    isStorePath,
  });
  return new StreamFilter((send) => serveCommands(policy, send));
}

/** Sends chunks through a filter; what came out, and the refusal if there was one. Nothing else may be thrown. */
async function pass(chunks: readonly Buffer[]): Promise<{ sent: Buffer; refusal?: Refusal }> {
  const filter = filterOf();
  const sent: Buffer[] = [];
  filter.on("data", (chunk: Buffer) => sent.push(chunk));
  for (const chunk of chunks) filter.write(chunk);
  filter.end();
  try {
    await finished(filter);
  } catch (error) {
    if (error instanceof Refusal) return { sent: Buffer.concat(sent), refusal: error };
    throw error;
  }
  return { sent: Buffer.concat(sent) };
}

/**
 * What the real nix-store would make of bytes, after the greeting: the commands that it would have carried out, read the
 * way opServe does. Throws when it would read a command that a builder may not give, or a path that is not signed.
 */
function commandsOf(bytes: Buffer): number[] {
  let at = 16;
  const number = (): number => {
    if (at + 8 > bytes.length) throw new RangeError("cut off");
    const value = Number(bytes.readBigUInt64LE(at));
    at += 8;
    return value;
  };
  const skip = (size: number): void => {
    if (at + size > bytes.length) throw new RangeError("cut off");
    at += size;
  };
  const string = (): string => {
    const length = number();
    const start = at;
    skip(Math.ceil(length / 8) * 8);
    return bytes.toString("latin1", start, start + length);
  };
  const strings = (): string[] => {
    const count = number();
    const found: string[] = [];
    while (found.length < count) found.push(string());
    return found;
  };
  const commands: number[] = [];
  try {
    while (at < bytes.length) {
      const command = number();
      assert.ok([1, 2, 7, 9].includes(command), `command ${command} reached nix-store`);
      if (command === 1) assert.equal(number(), 1, "queried paths are locked");
      if (command === 1 || command === 7) number();
      if (command === 9) {
        assert.ok(isStorePath(string()));
        string(); // the deriver
        string(); // the hash
        strings();
        number();
        const size = number();
        assert.equal(number(), 0, "no path counts as built by the server");
        const signatures = strings();
        assert.ok(string() !== "" || signatures.length > 0, "an unsigned path reached nix-store");
        skip(size);
      } else assert.ok(strings().every(isStorePath));
      commands.push(command);
    }
  } catch (error) {
    // Nix ends where the bytes end: a command that is cut off is not carried out.
    if (!(error instanceof RangeError)) throw error;
  }
  return commands;
}

const uploads = ["a", "b", "c"].map((name) => addToStore(signedUpload(key, name, 40, [storePath("dep")])));
const paths = fc.array(
  fc.constantFrom(storePath("x"), storePath("y"), "/etc/passwd", "", "/nix/store/..", `${storePath("x")}\n`),
);

const command = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...uploads) },
  paths.map((list) => Buffer.concat([u64(1), u64(0), u64(1), strs(list)])),
  paths.map((list) => Buffer.concat([u64(2), strs(list)])),
  paths.map((list) => Buffer.concat([u64(7), u64(0), strs(list)])),
  fc.tuple(fc.nat(12), paths).map(([number, list]) => Buffer.concat([u64(number), strs(list)])),
  fc.bigInt(0n, 2n ** 64n - 1n).map(u64),
  fc.uint8Array({ maxLength: 64 }).map((bytes) => str(Buffer.from(bytes))),
  fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
);

/** Damage: a place, as a part of the whole, and what is done there. */
const damage = fc.record({
  place: fc.nat(9999),
  kind: fc.constantFrom("flip", "cut", "drop", "insert"),
  value: fc.nat(255),
});

function damaged(bytes: Buffer, { place, kind, value }: { place: number; kind: string; value: number }): Buffer {
  const at = Math.floor((place / 10_000) * bytes.length);
  const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
  if (kind === "cut") return head;
  if (kind === "drop") return Buffer.concat([head, tail.subarray(1 + (value % 16))]);
  if (kind === "insert") return Buffer.concat([head, Buffer.alloc(1 + (value % 16), value), tail]);
  return Buffer.concat([head, Buffer.from([(tail[0] ?? 0) ^ (1 << (value % 8))]), tail.subarray(1)]);
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (const size of sizes) chunks.push(bytes.subarray(at, (at += size)));
  return [...chunks, bytes.subarray(at)];
}

describe("the receiver, given what nobody meant to send", () => {
  it("lets no forbidden command, foreign path or unsigned path through in 10,000 generated sessions", async function () {
    this.timeout(120_000);
    const session = fc.tuple(
      fc.array(command, { maxLength: 6 }),
      fc.option(damage, { freq: 2 }),
      fc.array(fc.integer({ min: 1, max: 200 }), { maxLength: 20 }),
      fc.option(fc.constant(greeting), { freq: 9 }),
    );
    let through = 0;
    const property = fc.asyncProperty(session, async ([commands, harm, sizes, greeted]) => {
      const whole = Buffer.concat([greeted ?? u64(0), ...commands]);
      const bytes = harm === null ? whole : damaged(whole, harm);
      const { sent } = await pass(cut(bytes, sizes));
      through += commandsOf(sent).length;
    });
    await fc.assert(property, { numRuns: 10_000 });
    assert.ok(through > 1000, `only ${through} commands got through: the generator made nothing of use`);
  });

  it("passes on every session that a client could mean, whole and whatever the chunks", async () => {
    const store = fc.constantFrom(storePath("x"), storePath("y"), storePath("z"));
    const meant = fc.oneof(
      fc.constantFrom(...uploads),
      fc.array(store).map((list) => Buffer.concat([u64(1), u64(1), u64(1), strs(list)])),
      fc.array(store).map((list) => Buffer.concat([u64(2), strs(list)])),
    );
    const property = fc.asyncProperty(
      fc.array(meant),
      fc.array(fc.integer({ min: 1, max: 99 })),
      async (commands, sizes) => {
        const bytes = Buffer.concat([greeting, ...commands]);
        assert.deepEqual(await pass(cut(bytes, sizes)), { sent: bytes });
      },
    );
    await fc.assert(property, { numRuns: 300 });
  });

  it("makes roots for the store paths of a whole list only, in 2,000 generated announcements", async function () {
    this.timeout(60_000);
    const folder = mkdtempSync(join(tmpdir(), "receive-fuzz-"));
    const line = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...["a", "b", "c"].map(storePath)) },
      fc.string({ unit: "binary" }),
      fc.constantFrom("..", "/nix/store/../../etc/x", `${storePath("a")}\0`, `${storePath("a")}/x`, "\n", ""),
    );
    const property = fc.asyncProperty(fc.array(line, { maxLength: 5 }), fc.boolean(), async (lines, whole) => {
      const text = lines.map((one) => `${one}\n`).join("");
      const sent = whole ? text : `${text}/nix/sto`;
      const incoming = join(folder, "incoming", "alpha");
      rmSync(incoming, { recursive: true, force: true });
      const announced = await readPathList(Readable.from([Buffer.from(sent)]), limits).catch((error: unknown) => {
        assert.ok(error instanceof Refusal);
        return undefined;
      });
      if (announced !== undefined) new BuilderRoots(folder, "alpha").announce(announced, limits);
      const expected = lines.every(isStorePath) && whole ? [...new Set(lines)].map((path) => basename(path)) : [];
      assert.deepEqual(existsSync(incoming) ? readdirSync(incoming).sort() : [], expected.sort());
      assert.deepEqual(
        readdirSync(folder).filter((name) => name !== "incoming"),
        [],
      );
    });
    await fc.assert(property, { numRuns: 2000 });
    rmSync(folder, { recursive: true });
  });

  it("knows four requests and no fifth, whatever is typed", () => {
    const known = ["nix-store --serve --write", "announce", "commit", "status"];
    const near = fc
      .tuple(fc.constantFrom(...known), fc.string(), fc.string())
      .map(([word, before, after]) => before + word + after);
    const property = fc.property(fc.oneof(fc.string({ unit: "binary" }), near), (typed) => {
      if (known.includes(typed)) return;
      assert.throws(() => parseRequest(["-c", typed], undefined), Refusal);
    });
    fc.assert(property, { numRuns: 5000 });
  });
});
