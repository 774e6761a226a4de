/** The public halves of CI's keys, worked out from the secret texts, so that the server can be told them. */
import { createPrivateKey, createPublicKey } from "node:crypto";

/** The ASN.1 that precedes the 32 bytes of an ed25519 seed in PKCS #8 (RFC 8410, section 7). */
const pkcs8Prefix = Buffer.from("302e020100300506032b657004220420", "hex");

/** The public key of an ed25519 seed: 32 bytes from 32 bytes. */
function publicOf(seed: Buffer): Buffer {
  const key = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: "der", type: "pkcs8" });
  const { x } = createPublicKey(key).export({ format: "jwk" });
  return Buffer.from(x ?? "", "base64url");
}

/**
 * The public half of a Nix secret key, as `nix key convert-secret-to-public` prints it.
 *
 * @param secretKey `NAME:BASE64` of 64 bytes, libsodium's form: the seed, then the public key
 * @param what what an error calls the text
 * @param remedy where a good one comes from
 * @throws Error that says what is wrong with the text and repeats none of it
 */
export function nixPublicKey(
  secretKey: string,
  what = "ciSigningKey",
  remedy = "`npm run ci-keys` makes a new one.",
): string {
  const text = secretKey.trim();
  const colon = text.indexOf(":");
  const bytes = Buffer.from(text.slice(colon + 1), "base64");
  if (colon < 1 || bytes.length !== 64) {
    throw new Error(
      `${what}: found ${bytes.length} bytes${colon < 1 ? " and no name" : ""}, expected a Nix secret key, ` +
        `NAME:BASE64 of 64 bytes. ${remedy}`,
    );
  }
  const publicKey = bytes.subarray(32);
  if (!publicOf(bytes.subarray(0, 32)).equals(publicKey)) {
    throw new Error(`${what}: its two halves do not belong together. ${remedy}`);
  }
  return `${text.slice(0, colon)}:${publicKey.toString("base64")}`;
}

/** Reads the length-prefixed fields of OpenSSH's formats (RFC 4251, section 5). */
function* fields(bytes: Buffer): Generator<Buffer, undefined> {
  for (let at = 0; at + 4 <= bytes.length;) {
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) return;
    yield bytes.subarray(at + 4, end);
    at = end;
  }
}

const magic = Buffer.from("openssh-key-v1\0");

/**
 * The public half of an OpenSSH private key, as it stands in authorized_keys, without a comment.
 *
 * @param privateKey the key file's text, ed25519, without a passphrase (OpenSSH, PROTOCOL.key)
 * @throws Error that says what is wrong with the text and repeats none of it
 */
export function sshPublicKey(privateKey: string, setting = "ciSshKey"): string {
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([\sA-Za-z0-9+/=]+)-----END/.exec(privateKey)?.[1];
  const bytes = Buffer.from(body ?? "", "base64");
  if (!bytes.subarray(0, magic.length).equals(magic)) {
    throw new Error(`${setting}: found no OpenSSH private key. \`ssh-keygen -t ed25519\` makes one.`);
  }
  const rest = bytes.subarray(magic.length);
  const [cipher, kdf, kdfOptions] = fields(rest);
  if (cipher?.toString() !== "none" || kdf === undefined || kdfOptions === undefined) {
    throw new Error(`${setting}: the key has a passphrase, which nobody could type. Use one without.`);
  }
  // Before the keys stands their number, four bytes.
  const [publicBlob] = fields(rest.subarray(12 + cipher.length + kdf.length + kdfOptions.length + 4));
  const [type] = fields(publicBlob ?? Buffer.alloc(0));
  if (publicBlob === undefined || type?.toString() !== "ssh-ed25519") {
    throw new Error(`${setting}: found a key of another type, expected ssh-ed25519.`);
  }
  return `ssh-ed25519 ${publicBlob.toString("base64")}`;
}
