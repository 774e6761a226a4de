import { createPublicKey, verify, type KeyObject } from "node:crypto";

const base32 = "0123456789abcdfghijklmnpqrsvwxyz";

/** What a signature is made over (NixOS/nix, ValidPathInfo::fingerprint). */
export interface SignedFacts {
  readonly path: string;
  /** SHA-256 of the NAR as `sha256:` and 52 characters of Nix's base 32. */
  readonly narHash: string;
  readonly narSize: number;
  readonly references: readonly string[];
}

/** Nix's own base 32 of a SHA-256 given in hexadecimal digits: 52 characters, least significant bits last. */
export function hashInBase32(hexadecimal: string): string {
  const bytes = Buffer.from(hexadecimal, "hex");
  const length = Math.ceil((bytes.length * 8) / 5);
  let text = "";
  for (let position = length - 1; position >= 0; position--) {
    const bit = position * 5;
    const low = (bytes[bit >> 3] ?? 0) >> (bit & 7);
    const high = (bytes[(bit >> 3) + 1] ?? 0) << (8 - (bit & 7));
    text += base32.charAt((low | high) & 31);
  }
  return text;
}

/** The text that is signed: `1;path;hash;size;references`, the references in order and separated by commas. */
function fingerprint(facts: SignedFacts): string {
  const references = [...facts.references].sort().join(",");
  return `1;${facts.path};${facts.narHash};${facts.narSize};${references}`;
}

/** Public keys, each `name:base64`, to hold signatures against. A text that is no such key is left out. */
export class KeyRing {
  readonly #keys = new Map<string, KeyObject[]>();

  constructor(publicKeys: Iterable<string> = []) {
    this.add(publicKeys);
  }

  /** Adds keys; several of one name stand beside each other. */
  add(publicKeys: Iterable<string>): void {
    for (const text of publicKeys) {
      const parsed = parsePublicKey(text);
      if (parsed !== undefined) this.#keys.set(parsed.name, [...(this.#keys.get(parsed.name) ?? []), parsed.key]);
    }
  }

  /** Those of `signatures` (`name:base64`) that one of the keys made over `facts`. */
  valid(facts: SignedFacts, signatures: readonly string[]): string[] {
    const known = signatures.flatMap((signature) => {
      const [name = "", value = ""] = splitOnce(signature);
      const keys = this.#keys.get(name);
      return keys === undefined ? [] : [{ signature, keys, bytes: Buffer.from(value, "base64") }];
    });
    if (known.length === 0) return [];
    const message = Buffer.from(fingerprint(facts), "latin1");
    return known
      .filter(({ keys, bytes }) => keys.some((key) => verify(null, message, key, bytes)))
      .map(({ signature }) => signature);
  }
}

/** The name of a key or signature: what comes before the colon. */
export function keyName(keyOrSignature: string): string {
  return splitOnce(keyOrSignature)[0] ?? "";
}

/** Reads `name:base64` of a 32-byte Ed25519 public key; undefined for anything else. */
export function parsePublicKey(text: string): { readonly name: string; readonly key: KeyObject } | undefined {
  const [name = "", value = ""] = splitOnce(text);
  if (!/^[A-Za-z0-9._-]+$/.test(name) || !/^[A-Za-z0-9+/]{43}=$/.test(value)) return undefined;
  const x = Buffer.from(value, "base64").toString("base64url");
  try {
    return { name, key: createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" }) };
  } catch {
    return undefined;
  }
}

function splitOnce(text: string): string[] {
  const colon = text.indexOf(":");
  return colon === -1 ? [text] : [text.slice(0, colon), text.slice(colon + 1)];
}
