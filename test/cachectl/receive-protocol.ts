/** The client's half of Nix's serve protocol, and signatures as Nix makes them, for tests: written apart from the program. */
import { createHash, createPrivateKey, generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto";

/** Eight bytes, least significant first. */
export function u64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

/** Length, bytes, zeroes up to a multiple of eight. */
export function str(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(bytes.length), bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8)]);
}

/** Count, then each. */
export function strs(values: readonly string[]): Buffer {
  return Buffer.concat([u64(values.length), ...values.map(str)]);
}

export const greeting = Buffer.concat([u64(0x390c9deb), u64(0x207)]);

/** The NAR of one regular file. */
export function narOf(contents: string): Buffer {
  return Buffer.concat(["nix-archive-1", "(", "type", "regular", "contents", contents, ")"].map(str));
}

/** A store path with a hash part made from its name. */
export function storePath(name: string): string {
  const digits = "0123456789abcdfghijklmnpqrsvwxyz";
  const hash = [...createHash("sha256").update(name).digest()].map((byte) => digits.charAt(byte & 31)).join("");
  return `/nix/store/${hash}-${name}`;
}

/** A signing key as Nix has it: a name, the public half as text, the private half. */
export interface TestKey {
  readonly name: string;
  readonly publicKey: string;
  readonly privateKey: KeyObject;
}

/** Makes a signing key. */
export function makeKey(name: string): TestKey {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const raw = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url");
  return { name, publicKey: `${name}:${raw.toString("base64")}`, privateKey };
}

/** A key as `nix-store --generate-binary-cache-key` writes it: 32 bytes of seed, then the public half. */
export function importKey(secret: string): TestKey {
  const [name = "", value = ""] = secret.trim().split(":");
  const bytes = Buffer.from(value, "base64");
  const [d, x] = [bytes.subarray(0, 32), bytes.subarray(32)].map((part) => part.toString("base64url"));
  const privateKey = createPrivateKey({ key: { kty: "OKP", crv: "Ed25519", d, x }, format: "jwk" });
  return { name, publicKey: `${name}:${bytes.subarray(32).toString("base64")}`, privateKey };
}

/** What a client sends of a path. */
export interface Upload {
  readonly path: string;
  readonly nar: Buffer;
  readonly references?: readonly string[];
  readonly signatures?: readonly string[];
  readonly contentAddress?: string;
  readonly deriver?: string;
  readonly registrationTime?: number;
  readonly ultimate?: number;
  /** Instead of the NAR's own. */
  readonly narHash?: string;
  readonly narSize?: number | bigint;
}

/** Signs a path as Nix does. */
export function signUpload(key: TestKey, { path, nar, references = [], narHash }: Upload): string {
  const hash = base32(Buffer.from(narHash ?? hexHash(nar), "hex"));
  const text = `1;${path};sha256:${hash};${nar.length};${[...references].sort().join(",")}`;
  return `${key.name}:${sign(null, Buffer.from(text), key.privateKey).toString("base64")}`;
}

/** `AddToStoreNar`, with the NAR behind it. */
export function addToStore(upload: Upload): Buffer {
  const { path, nar, deriver = "", references = [], registrationTime = 0, ultimate = 0 } = upload;
  return Buffer.concat([
    ...[u64(9), str(path), str(deriver), str(upload.narHash ?? hexHash(nar)), strs(references)],
    ...[u64(registrationTime), u64(upload.narSize ?? nar.length), u64(ultimate)],
    ...[strs(upload.signatures ?? []), str(upload.contentAddress ?? ""), nar],
  ]);
}

/** A path of one file, signed by a key. */
export function signedUpload(key: TestKey, name: string, size = 100, references: readonly string[] = []): Upload {
  const upload = { path: storePath(name), nar: narOf(randomBytes(size).toString("hex")), references };
  return { ...upload, signatures: [signUpload(key, upload)] };
}

function hexHash(nar: Buffer): string {
  return createHash("sha256").update(nar).digest("hex");
}

/** Nix's base 32, the long way: the digest as one number, its least significant byte first. */
export function base32(digest: Buffer): string {
  const digits = "0123456789abcdfghijklmnpqrsvwxyz";
  let rest = BigInt(`0x${Buffer.from(digest).reverse().toString("hex")}`);
  let text = "";
  for (let index = 0; index < 52; index++, rest >>= 5n) text = digits.charAt(Number(rest & 31n)) + text;
  return text;
}
