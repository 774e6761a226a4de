/** A path's narinfo, signed with every key at the time of the question, as Harmonia does. */
import { createPrivateKey, sign, type KeyObject } from "node:crypto";
import type { PathInfo } from "./store.ts";

const base32 = "0123456789abcdfghijklmnpqrsvwxyz";
/** What comes before the 32 bytes of an Ed25519 seed in PKCS #8 (RFC 8410). */
const pkcs8 = Buffer.from("302e020100300506032b657004220420", "hex");

/** A secret key of Nix: its name, and the key. */
export interface SigningKey {
  readonly name: string;
  readonly key: KeyObject;
}

/** Reads `name:base64` of the seed and the public key, 64 bytes. Throws an Error that tells nothing of the key but its name. */
export function readSecretKey(secret: string): SigningKey {
  const [name = "", value = ""] = secret.split(":");
  const bytes = Buffer.from(value, "base64");
  if (name === "" || bytes.length !== 64)
    throw new Error(`the key named ${JSON.stringify(name)} is no secret key of Nix`);
  return {
    name,
    key: createPrivateKey({ key: Buffer.concat([pkcs8, bytes.subarray(0, 32)]), format: "der", type: "pkcs8" }),
  };
}

/** The narinfo's text. */
export function narinfo(info: PathInfo, keys: readonly SigningKey[]): string {
  const hash = inBase32(info.narHash);
  const fingerprint = `1;${info.path};sha256:${hash};${info.narSize};${info.references.join(",")}`;
  const made = keys.map(({ name, key }) => `${name}:${sign(null, Buffer.from(fingerprint), key).toString("base64")}`);
  const own = new Set(keys.map(({ name }) => name));
  const kept = info.signatures.filter((signature) => !own.has(signature.split(":")[0] ?? ""));
  const lines = [
    `StorePath: ${info.path}`,
    `URL: ${narPlace(info)}`,
    "Compression: none",
    `FileHash: sha256:${hash}`,
    `FileSize: ${info.narSize}`,
    `NarHash: sha256:${hash}`,
    `NarSize: ${info.narSize}`,
    `References: ${info.references.map(baseName).join(" ")}`,
    ...(info.deriver === undefined ? [] : [`Deriver: ${baseName(info.deriver)}`]),
    ...[...made, ...kept].map((signature) => `Sig: ${signature}`),
    ...(info.ca === undefined ? [] : [`CA: ${info.ca}`]),
  ];
  return `${lines.join("\n")}\n`;
}

/** Where the NAR is, relative to the cache. */
export function narPlace({ path, narHash }: PathInfo): string {
  return `nar/${inBase32(narHash)}.nar?hash=${baseName(path).slice(0, 32)}`;
}

/** Nix's own base 32, its digits from the last to the first. */
function inBase32(hexadecimal: string): string {
  const bytes = Buffer.from(hexadecimal, "hex");
  const digits = Array.from({ length: Math.ceil((bytes.length * 8) / 5) }, (_, position) => {
    const bit = position * 5;
    const pair = (bytes[bit >> 3] ?? 0) | ((bytes[(bit >> 3) + 1] ?? 0) << 8);
    return base32.charAt((pair >> (bit & 7)) & 31);
  });
  return digits.reverse().join("");
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
