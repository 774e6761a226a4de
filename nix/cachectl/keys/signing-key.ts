import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";

/** Nix keeps the seed and the public half as one, as libsodium does (NixOS/nix, src/libutil/signature/local-keys.cc). */
const [seedBytes, publicBytes] = [32, 32];
/** What comes before a 32-byte seed in PKCS #8 (RFC 8410). */
const pkcs8Prefix = Buffer.from("302e020100300506032b657004220420", "hex");

/** A new secret key in Nix's form, `NAME:BASE64` of the seed and the public half. */
export function makeSigningKey(name: string): string {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const seed = privateKey.export({ type: "pkcs8", format: "der" }).subarray(-seedBytes);
  const publicHalf = publicKey.export({ type: "spki", format: "der" }).subarray(-publicBytes);
  return `${name}:${Buffer.concat([seed, publicHalf]).toString("base64")}`;
}

/** The public half, `NAME:BASE64`, of a secret key. Throws an Error, without the key, for anything else. */
export function publicHalf(secret: string): string {
  const [, name, base64 = ""] = /^([A-Za-z0-9._-]+):([A-Za-z0-9+/]{86}==)$/.exec(secret.trim()) ?? [];
  if (name === undefined) throw new Error("is no secret key of Nix's form, NAME:BASE64 of 64 bytes");
  const bytes = Buffer.from(base64, "base64");
  const privateKey = createPrivateKey({
    key: Buffer.concat([pkcs8Prefix, bytes.subarray(0, seedBytes)]),
    format: "der",
    type: "pkcs8",
  });
  const found = createPublicKey(privateKey).export({ type: "spki", format: "der" }).subarray(-publicBytes);
  if (!found.equals(bytes.subarray(seedBytes))) throw new Error("is damaged: its two halves do not belong together");
  return `${name}:${found.toString("base64")}`;
}
