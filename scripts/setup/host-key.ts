/** Host keys of machines, found by ssh-keyscan. What it finds is only as true as the network: a person confirms it. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { promisify } from "node:util";

/** A key and how a person compares it. */
export interface HostKey {
  /** "ssh-ed25519 AAAA…", without the host. */
  readonly key: string;
  /** As `ssh-keygen -l` prints it: "SHA256:…". */
  readonly fingerprint: string;
}

/** Why there is none, in half a sentence. */
export interface NoHostKey {
  readonly reason: string;
}

/** Asks an address for its ed25519 key; at most 15 seconds. */
export async function scanHostKey(
  address: string,
  port: number,
  program = "ssh-keyscan",
): Promise<HostKey | NoHostKey> {
  try {
    const args = ["-T", "5", "-t", "ed25519", "-p", String(port), address];
    const { stdout } = await promisify(execFile)(program, args, { timeout: 15_000 });
    return readKeyscan(stdout) ?? { reason: `nothing that has an ed25519 key answers at ${address} port ${port}` };
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    return { reason: missing ? `${program} is not installed` : `nothing answers at ${address} port ${port}` };
  }
}

/** The first ed25519 key in ssh-keyscan's output, "HOST ssh-ed25519 AAAA…"; undefined when there is none. */
export function readKeyscan(text: string): HostKey | undefined {
  const match = /^\S+ (ssh-ed25519 [A-Za-z0-9+/]{68})/m.exec(text);
  return match?.[1] === undefined ? undefined : { key: match[1], fingerprint: fingerprint(match[1]) };
}

/** The SHA-256 of the key's own bytes in base64 without padding, as OpenSSH shows it. */
export function fingerprint(key: string): string {
  const blob = Buffer.from(key.split(" ")[1] ?? "", "base64");
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}
