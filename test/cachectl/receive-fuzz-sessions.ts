/** Generated sessions of the serve protocol, sane and damaged, and a judge that reads what the filter let through. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { isStorePath } from "../../nix/cachectl/receive/path-list.ts";
import { addToStore, greeting, makeKey, signedUpload, storePath, str, strs, u64 } from "./receive-protocol.ts";

/** The key that generated uploads are signed with. */
export const key = makeKey("macbook-1");

/**
 * What the real nix-store would make of bytes, after the greeting: the commands that it would have carried out, read the
 * way opServe does. Throws when it would read a command that a builder may not give, or a path that is not signed.
 */
export function commandsOf(bytes: Buffer): number[] {
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

/** Three paths as a builder sends them, signed. */
export const uploads = ["a", "b", "c"].map((name) => addToStore(signedUpload(key, name, 40, [storePath("dep")])));
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

/** The bytes with one damage done to them. */
export function damaged(bytes: Buffer, { place, kind, value }: { place: number; kind: string; value: number }): Buffer {
  const at = Math.floor((place / 10_000) * bytes.length);
  const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
  if (kind === "cut") return head;
  if (kind === "drop") return Buffer.concat([head, tail.subarray(1 + (value % 16))]);
  if (kind === "insert") return Buffer.concat([head, Buffer.alloc(1 + (value % 16), value), tail]);
  return Buffer.concat([head, Buffer.from([(tail[0] ?? 0) ^ (1 << (value % 8))]), tail.subarray(1)]);
}

/** The bytes in chunks of these sizes, the rest as one. */
export function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (const size of sizes) chunks.push(bytes.subarray(at, (at += size)));
  return [...chunks, bytes.subarray(at)];
}

/** A session as anybody may send it: commands, damage or none, where the bytes are cut, a greeting or none. */
export const session = fc.tuple(
  fc.array(command, { maxLength: 6 }),
  fc.option(damage, { freq: 2 }),
  fc.array(fc.integer({ min: 1, max: 200 }), { maxLength: 20 }),
  fc.option(fc.constant(greeting), { freq: 9 }),
);
