/** Opens an encrypted copy with its owner's identity, on this machine alone. */
import { readFileSync } from "node:fs";
import { armor, Decrypter } from "age-encryption";
import { lastWords, run } from "../../nix/cachectl/lib/run.ts";
import type { Copy } from "./copies.ts";

/** Long enough for somebody to touch a hardware key. */
const milliseconds = 120_000;

/**
 * The secret key in a copy. age's own X25519 identities (`AGE-SECRET-KEY-1…`) are read here, by age's library for
 * JavaScript, which knows no others: for an ssh key and a plugin's the program `age` has to be on PATH.
 *
 * @param identity a file of age-keygen's form, an OpenSSH private key, or a plugin's identity; absolute
 * @throws Error with one line that names the file and repeats nothing of either
 */
export async function decrypt(copy: Copy, identity: string): Promise<string> {
  const keys = readIdentity(identity);
  return keys.length > 0 ? byLibrary(copy, identity, keys) : byProgram(copy, identity);
}

/** The X25519 identities of a file; none: another program has to read it. */
function readIdentity(file: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new Error(`--identity: ${file} can't be read (${(error as NodeJS.ErrnoException).code ?? "unknown"})`);
  }
  if (text.startsWith("age-encryption.org/v1") || text.includes("BEGIN AGE ENCRYPTED FILE")) {
    throw new Error(
      `--identity: ${file} has a passphrase. Decrypt it to a file in memory first, and take that: ` +
        `age --decrypt --output /dev/shm/identity ${file}`,
    );
  }
  return text.split(/\s+/).filter((word) => /^AGE-SECRET-KEY-(PQ-)?1[0-9A-Z]+$/.test(word));
}

async function byLibrary({ file, text }: Copy, identity: string, keys: readonly string[]): Promise<string> {
  const decrypter = new Decrypter();
  try {
    for (const key of keys) decrypter.addIdentity(key);
  } catch {
    throw new Error(`--identity: ${identity} holds a key that is cut off or mistyped`);
  }
  let bytes: Uint8Array;
  try {
    bytes = armor.decode(text);
  } catch {
    throw new Error(`--from: ${file} is no armored file of age. Take another copy, or write it anew: npm run escrow`);
  }
  try {
    return await decrypter.decrypt(bytes, "text");
  } catch (error) {
    throw new Error(`${file}: ${identity} does not open it (${(error as Error).message})`);
  }
}

async function byProgram({ file, text }: Copy, identity: string): Promise<string> {
  const ended = await run("age", ["--decrypt", "--identity", identity], {
    env: process.env,
    input: text,
    timeout: milliseconds,
  });
  if (ended.status === 0) return ended.stdout;
  if (ended.status === null && !ended.timedOut) {
    throw new Error(
      `--identity: ${identity} holds no AGE-SECRET-KEY-1…. For an ssh key or a plugin's, install the program age ` +
        "(https://age-encryption.org), and run this again",
    );
  }
  throw new Error(`${file}: ${identity} does not open it (${lastWords(ended)})`);
}
