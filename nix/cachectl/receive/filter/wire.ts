import { Refusal } from "../refusal.ts";

/**
 * What a routine that reads the serve protocol asks of the stream that feeds it: `take` that many bytes and hand them
 * over, or `pass` that many bytes on to the real `nix-store` without keeping them.
 */
export type Demand = { readonly take: number } | { readonly pass: number };

/** A part of the protocol, written as straight-line code that is resumed whenever its demand is met. */
export type Routine<T> = Generator<Demand, T, Buffer>;

/**
 * The longest string taken, in bytes. A store path has at most 211 + 44, a signature about 150; what is longer is no
 * argument of any command let through.
 */
const longestString = 1024;

const word = 8;

/** Reads an unsigned 64-bit little-endian number. Throws a Refusal when it is over 2^53, which no argument is. */
export function* readNumber(what: string): Routine<number> {
  const value = (yield { take: word }).readBigUInt64LE();
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw new Refusal("protocol", `${what}: ${value.toString()} is too large`);
  return Number(value);
}

/** Reads a string: its length, its bytes, zeroes up to a multiple of eight. Throws a Refusal for anything else. */
export function* readString(what: string): Routine<string> {
  const length = yield* readNumber(`${what}, length`);
  if (length > longestString) {
    throw new Refusal("protocol", `${what}: ${length} bytes, at most ${longestString} are taken`);
  }
  const padded = Math.ceil(length / word) * word;
  if (padded === 0) return "";
  const bytes = yield { take: padded };
  if (bytes.subarray(length).some((byte) => byte !== 0)) throw new Refusal("protocol", `${what}: padding is not zero`);
  // Latin-1 keeps one character a byte, so that what was checked is what is sent on.
  return bytes.toString("latin1", 0, length);
}

/** Reads a count followed by that many strings, at most `limit`. */
export function* readStrings(what: string, limit: number): Routine<string[]> {
  const count = yield* readNumber(`${what}, count`);
  if (count > limit) throw new Refusal("protocol", `${what}: ${count}, at most ${limit} are taken`);
  const strings: string[] = [];
  for (let index = 0; index < count; index++) strings.push(yield* readString(what));
  return strings;
}

/** The eight bytes of a number. */
export function encodeNumber(value: number): Buffer {
  const bytes = Buffer.alloc(word);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

/** The bytes of a string: length, contents, padding. */
export function encodeString(value: string): Buffer {
  const length = Buffer.byteLength(value, "latin1");
  const bytes = Buffer.alloc(word + Math.ceil(length / word) * word);
  bytes.writeBigUInt64LE(BigInt(length));
  bytes.write(value, word, "latin1");
  return bytes;
}

/** The bytes of a list of strings: count, then each. */
export function encodeStrings(values: readonly string[]): Buffer {
  return Buffer.concat([encodeNumber(values.length), ...values.map(encodeString)]);
}
