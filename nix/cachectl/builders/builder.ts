import { createHash } from "node:crypto";
import { isIP } from "node:net";
import { keyName, parsePublicKey } from "../receive/signature.ts";

/** A machine that may upload, as kept in `builders/NAME.json`. All of it is public. */
export interface Builder {
  /** `^[a-z][a-z0-9-]{0,62}$`: it names folders and is the comment of the key's entry. */
  readonly name: string;
  /** The Nix system it builds for, for example `aarch64-darwin`. */
  readonly system: string;
  /** Public half of its ssh key: `ssh-ed25519 AAAA…`, without a comment. Absent where only the tailnet tells who calls. */
  readonly sshKey?: string;
  /** Public half of its signing key: `name:base64`. */
  readonly signingKey: string;
  /** Under Tailscale SSH: the node's address or name, or a tag as `tag:nix-ci`, by which the builder is known. */
  readonly tailnet?: string;
}

const nameForm = /^[a-z][a-z0-9-]{0,62}$/;
const systemForm = /^[a-z0-9_]+-[a-z0-9_]+$/;
const tailnetForm = /^(?:tag:)?[a-zA-Z0-9][a-zA-Z0-9.-]{0,252}$/;
const fields: readonly string[] = ["name", "system", "sshKey", "signingKey", "tailnet"];

/** Whether `name` can be a builder's: also what keeps a name from being a way out of a folder. */
export function isBuilderName(name: string): boolean {
  return nameForm.test(name);
}

/** Reads a registration; returns it, or everything that is wrong with it, one sentence each. */
export function parseBuilder(input: unknown): { readonly builder: Builder } | { readonly problems: readonly string[] } {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    return { problems: ["a registration is a JSON object"] };
  }
  const given = new Map<string, unknown>(Object.entries(input));
  const problems: string[] = [...given.keys()]
    .filter((key) => !fields.includes(key))
    .map((key) => `${JSON.stringify(key)} is not a field; the fields are ${fields.join(", ")}`);
  const text = (field: string, rule: string, holds: (value: string) => boolean): string => {
    const value = given.get(field);
    if (typeof value === "string" && holds(value)) return value;
    problems.push(`${field} is ${show(value)}; expected ${rule}`);
    return "";
  };
  const name = text("name", `a name that matches ${nameForm.source}`, isBuilderName);
  const system = text("system", "a Nix system such as aarch64-darwin", (value) => systemForm.test(value));
  const signingKey = text("signingKey", "name:base64 of a 32-byte Ed25519 public key", isSigningKey);
  const tailnet = given.has("tailnet")
    ? text("tailnet", "a node's address or name, or tag:NAME", (value) => isIP(value) !== 0 || tailnetForm.test(value))
    : undefined;
  const sshKey =
    given.has("sshKey") || tailnet === undefined
      ? sshKeyOf(text("sshKey", "ssh-ed25519 and the key in base64", (value) => sshKeyOf(value) !== undefined))
      : undefined;
  if (problems.length > 0) return { problems };
  const known = tailnet && canonicalAddress(tailnet);
  return { builder: { name, system, ...(sshKey && { sshKey }), signingKey, ...(known && { tailnet: known }) } };
}

/** An IPv6 address as Tailscale writes it, in lower case and as short as it gets; anything else as it is. */
function canonicalAddress(text: string): string {
  return isIP(text) === 6 ? new URL(`http://[${text}]`).hostname.slice(1, -1) : text;
}

/** The key of an ssh public key line, without its comment; undefined unless it is an Ed25519 key of 32 bytes. */
export function sshKeyOf(line: string): string | undefined {
  const match = /^ssh-ed25519 ([A-Za-z0-9+/]{68})(?: [^\r\n]*)?$/.exec(line.trim());
  if (match?.[1] === undefined) return undefined;
  const blob = Buffer.from(match[1], "base64");
  // RFC 8709: the string "ssh-ed25519", then the string of 32 bytes.
  const head = Buffer.from("\0\0\0\x0bssh-ed25519\0\0\0\x20", "latin1");
  return blob.length === head.length + 32 && blob.subarray(0, head.length).equals(head)
    ? `ssh-ed25519 ${match[1]}`
    : undefined;
}

/** The fingerprint that `ssh-keygen -l` shows: `SHA256:` and the digest in base64 without padding. */
export function sshFingerprint(sshKey: string): string {
  const blob = Buffer.from(sshKey.split(" ")[1] ?? "", "base64");
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}

/** What two builders may not share, each as a sentence; empty when `builder` can stand beside `others`. */
export function conflicts(builder: Builder, others: readonly Builder[]): string[] {
  return others
    .filter((other) => other.name !== builder.name)
    .flatMap((other) => [
      ...(builder.sshKey !== undefined && builder.sshKey === other.sshKey ? [`sshKey is that of ${other.name}`] : []),
      ...(keyValue(builder.signingKey) === keyValue(other.signingKey) ? [`signingKey is that of ${other.name}`] : []),
      // Nix keeps its trusted keys by name: of two with one name, one would silently not count.
      ...(keyName(builder.signingKey) === keyName(other.signingKey)
        ? [`signingKey has the name ${keyName(builder.signingKey)}, as that of ${other.name} has`]
        : []),
      ...(builder.tailnet !== undefined && builder.tailnet === other.tailnet
        ? [`tailnet is that of ${other.name}`]
        : []),
    ]);
}

function isSigningKey(value: string): boolean {
  return parsePublicKey(value) !== undefined;
}

function keyValue(signingKey: string): string {
  return signingKey.slice(keyName(signingKey).length + 1);
}

function show(value: unknown): string {
  if (value === undefined) return "missing";
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
