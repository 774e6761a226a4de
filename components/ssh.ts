/** How this program reaches a machine: one pinned host key, one credential, bounded attempts. */
import { readFileSync } from "node:fs";
import type { types } from "@pulumi/command";
import type * as pulumi from "@pulumi/pulumi";

/** A machine that Pulumi logs in to. */
export interface SshTarget {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly user: string;
  /** `ssh-ed25519 AAAA…`; without one, @pulumi/command would accept any key, so there is no default. */
  readonly hostKey: string;
  /** An OpenSSH private key; absent: the ssh agent at SSH_AUTH_SOCK. */
  readonly privateKey: pulumi.Output<string> | undefined;
}

/** The connection as @pulumi/command takes it. A few attempts: a machine may be in the middle of a reboot. */
export function connectionTo(target: SshTarget): types.input.remote.ConnectionArgs {
  return {
    host: target.address,
    port: target.port,
    user: target.user,
    hostKey: target.hostKey,
    ...(target.privateKey && { privateKey: target.privateKey }),
    dialErrorLimit: 3,
    perDialTimeout: 15,
  };
}

/** For every remote command: sshd takes no variables unless it is set up to, and each update would end with a warning of that. */
export const quiet = { addPreviousOutputInEnv: false } as const;

/** The text of a shell program beside the caller: `scriptText(new URL("./x.sh", import.meta.url))`. */
export function scriptText(file: URL): string {
  return readFileSync(file, "utf8");
}

/** Quotes words for a POSIX shell, each as one word whatever it holds. */
export function shellWords(words: readonly string[]): string {
  return words
    .map((word) => (/^[A-Za-z0-9_./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(" ");
}
