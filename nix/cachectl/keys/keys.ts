import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, chmodSync } from "node:fs";
import { join } from "node:path";
import { sshKeyOf } from "../builders/builder.ts";
import type { Paths } from "../lib/paths.ts";
import { replaceFile } from "../lib/replace-file.ts";
import { lastWords, run, searchPath } from "../lib/run.ts";
import { makeSigningKey, publicHalf } from "./signing-key.ts";

/** The public halves of a builder's keys: what the server registers. */
export interface PublicHalves {
  /** `ssh-ed25519 AAAA…`, without a comment. */
  readonly sshKey: string;
  /** `NAME-1:BASE64`. */
  readonly signingKey: string;
}

const ownerReads = 0o400;

/**
 * Makes this builder's keys where there are none: what is there stays. Secret halves have mode 0400 and are in place whole
 * or not at all. `name` is the builder's. Throws an Error that names the file.
 */
export async function makeKeys(paths: Paths, env: NodeJS.ProcessEnv, name: string): Promise<PublicHalves> {
  mkdirSync(paths.keys, { recursive: true, mode: 0o700 });
  const secret = join(paths.keys, "signing.secret");
  if (!existsSync(secret)) replaceFile(secret, makeSigningKey(`${name}-1`), ownerReads);
  const identity = join(paths.keys, "ssh");
  if (!existsSync(identity)) await makeSshKey(paths.keys, env, name);
  const halves = await readKeys(paths, env);
  place(join(paths.keys, "signing.pub"), `${halves.signingKey}\n`);
  place(join(paths.keys, "ssh.pub"), `${halves.sshKey}\n`);
  return halves;
}

/** The public halves, worked out from the secret ones. Throws an Error when there are none. */
export async function readKeys(paths: Pick<Paths, "keys">, env: NodeJS.ProcessEnv): Promise<PublicHalves> {
  const [secret, identity] = [join(paths.keys, "signing.secret"), join(paths.keys, "ssh")];
  for (const file of [secret, identity])
    if (!existsSync(file)) throw new Error(`${file} is not there: make this builder's keys, cachectl keys init`);
  return { sshKey: await publicSshKey(identity, env), signingKey: publicHalfOf(secret) };
}

function publicHalfOf(file: string): string {
  try {
    return publicHalf(readFileSync(file, "utf8"));
  } catch (error) {
    throw new Error(`${file} ${(error as Error).message}. Move it away and run cachectl keys init again`);
  }
}

/** In a folder of its own first: ssh-keygen writes two files, and the public one last. */
async function makeSshKey(folder: string, env: NodeJS.ProcessEnv, name: string): Promise<void> {
  const scratch = mkdtempSync(join(folder, ".new-"));
  try {
    const file = join(scratch, "ssh");
    await keygen(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", file], env);
    chmodSync(file, ownerReads);
    renameSync(file, join(folder, "ssh"));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function publicSshKey(identity: string, env: NodeJS.ProcessEnv): Promise<string> {
  const key = sshKeyOf(await keygen(["-y", "-f", identity], env));
  if (key !== undefined) return key;
  throw new Error(`${identity} is no ed25519 key. Move it away and run cachectl keys init again`);
}

async function keygen(args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const result = await run("ssh-keygen", args, { env: { ...env, PATH: searchPath(env.PATH) }, timeout: 30_000 });
  if (result.status !== 0) throw new Error(`ssh-keygen: ${lastWords(result)}`);
  return result.stdout;
}

function place(file: string, text: string): void {
  if (existsSync(file) && readFileSync(file, "utf8") === text) return;
  replaceFile(file, text, 0o644);
}
