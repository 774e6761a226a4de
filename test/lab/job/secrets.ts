/** Looks for secrets where none may be: in arguments of processes, in the engine's state and logs, on the machines. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Machine } from "../machines/machine.ts";

/** Secrets by their name; a text of several lines counts by its longest line. */
export type Secrets = Readonly<Record<string, string>>;

/** The part of a secret that gives it away: the last of the longest, since the first is the same in every ssh key. */
function core(secret: string): string {
  return secret.split("\n").reduce((longest, line) => (line.length >= longest.length ? line : longest), "");
}

/** Names of the secrets that stand in a text. */
export function secretsIn(text: string, secrets: Secrets): string[] {
  return Object.entries(secrets).flatMap(([name, secret]) => (text.includes(core(secret)) ? [name] : []));
}

/** Files below a folder that hold a secret in clear: "NAME in PATH". */
export function secretsBelow(folder: string, secrets: Secrets): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).flatMap((name) => {
    const path = join(folder, name);
    if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return [];
    return secretsIn(readFileSync(path, "latin1"), secrets).map((secret) => `${secret} in ${path}`);
  });
}

/** Files on a machine that hold a secret in clear; the secrets go there over standard input. */
export async function secretsOn(machine: Machine, folders: readonly string[], secrets: Secrets): Promise<string[]> {
  const stdin = `${Object.values(secrets).map(core).join("\n")}\n`;
  const argv = ["grep", "--recursive", "--files-with-matches", "--fixed-strings", "--file=-", "--", ...folders];
  const { stdout } = await machine.run(argv, { stdin, timeoutSeconds: 120 });
  return stdout.split("\n").filter((line) => line !== "");
}

/** Watches the arguments of every process while `work` runs; gives the names of the secrets that were seen in them. */
export async function watchArguments<T>(secrets: Secrets, work: () => Promise<T>): Promise<[T, string[]]> {
  const seen = new Set<string>();
  const look = (): void => {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      for (const name of secretsIn(argumentsOf(pid), secrets)) seen.add(`${name} in ${argumentsOf(pid).slice(0, 60)}`);
    }
  };
  const timer = setInterval(look, 40);
  try {
    return [await work(), [...seen]];
  } finally {
    clearInterval(timer);
  }
}

function argumentsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return "";
  }
}
