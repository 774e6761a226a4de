/** Makes the CI builder's keys, in the forms that Nix and OpenSSH read. */
import { generateKeyPairSync, randomBytes } from "node:crypto";

/** A fresh ed25519 pair, 32 bytes each. */
function pair(): { seed: Buffer; publicKey: Buffer } {
  const { d, x } = generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" });
  return { seed: Buffer.from(d ?? "", "base64url"), publicKey: Buffer.from(x ?? "", "base64url") };
}

/** A Nix secret key: `NAME:BASE64` of the seed and the public key (libsodium's form). */
export function makeNixKey(name: string): string {
  const { seed, publicKey } = pair();
  return `${name}:${Buffer.concat([seed, publicKey]).toString("base64")}`;
}

function field(value: Buffer | string): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** OpenSSH's private part: two equal check numbers, the key, a comment, then 1, 2, 3… up to a block of eight. */
function privatePart(seed: Buffer, publicKey: Buffer, comment: string): Buffer {
  const check = randomBytes(4);
  const body = Buffer.concat([
    check,
    check,
    field("ssh-ed25519"),
    field(publicKey),
    field(Buffer.concat([seed, publicKey])),
    field(comment),
  ]);
  const padding = (8 - (body.length % 8)) % 8;
  return Buffer.concat([body, Buffer.from(Array.from({ length: padding }, (_, index) => index + 1))]);
}

/** An OpenSSH private key, ed25519, without a passphrase (OpenSSH, PROTOCOL.key). The text ends with a newline. */
export function makeSshKey(comment: string): string {
  const { seed, publicKey } = pair();
  const one = Buffer.from([0, 0, 0, 1]);
  const bytes = Buffer.concat([
    Buffer.from("openssh-key-v1\0"),
    field("none"),
    field("none"),
    field(""),
    one,
    field(Buffer.concat([field("ssh-ed25519"), field(publicKey)])),
    field(privatePart(seed, publicKey, comment)),
  ]);
  const lines = bytes.toString("base64").replace(/.{70}/g, "$&\n").trimEnd();
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines}\n-----END OPENSSH PRIVATE KEY-----\n`;
}
