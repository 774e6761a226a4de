/** The last word of each machine on the keys that it trusts: out of nginx's log, and kept, since logs are rotated. */
import { accessSync, constants, existsSync, mkdirSync, readFileSync } from "node:fs";
import { isIP } from "node:net";
import { dirname, join } from "node:path";
import { fieldsOf, listOf, numberOf, parseJson, textsOf } from "../lib/json.ts";
import { replaceFile } from "../lib/replace-file.ts";
import { tailLines } from "../status/facts/tail.ts";
import { parseTrusts } from "./trusts.ts";

/** What a machine said last. */
export interface Word {
  /** Where it asked from. */
  readonly address: string;
  /** Names of keys that it trusts, cache.nixos.org's left out; empty: none. */
  readonly keys: readonly string[];
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** `nix_binary_cache_clients` of nix/modules/server/log-format.conf is written there. */
const defaultLog = "/var/log/nginx/nix-binary-cache-clients.log";
const mostBytes = 4 * 1024 ** 2;
const longestLine = 2500;
/** A tailnet has fewer machines; somebody with many addresses pushes out those that spoke longest ago. */
const mostWords = 2000;

/** One line of the log, `SECONDS ADDRESS NAMES`: anybody who can read from the cache can write what he likes into it. */
export function parseWord(line: string): Word | undefined {
  if (line.length > longestLine) return undefined;
  const [seconds, address = "", value, ...rest] = line.split(" ");
  const keys = value === undefined || rest.length > 0 ? undefined : parseTrusts(value);
  const at = Number(seconds) * 1000;
  if (keys === undefined || isIP(address) === 0 || !(at > 0) || at > Date.now() + 60_000) return undefined;
  return { address, keys, at };
}

/** The last word of each address, the latest first. Throws nothing: without a log, what was kept is what is known. */
export function latestWords(state: string, env: NodeJS.ProcessEnv): readonly Word[] {
  const log = logOf(env);
  const said = [`${log}.1`, log].flatMap((file) => tailLines(file, mostBytes)).map(parseWord);
  const words = new Map<string, Word>();
  for (const word of [...readKept(state), ...said]) {
    if (word !== undefined && word.at >= (words.get(word.address)?.at ?? 0)) words.set(word.address, word);
  }
  return [...words.values()].sort((a, b) => b.at - a.at).slice(0, mostWords);
}

/** Keeps them beyond the log. Throws an Error when it can't. */
export function keepWords(state: string, words: readonly Word[]): void {
  const file = keptIn(state);
  mkdirSync(dirname(file), { recursive: true });
  const text = `${JSON.stringify(words)}\n`;
  if (!existsSync(file) || readFileSync(file, "utf8") !== text) replaceFile(file, text, 0o644);
}

/** Whether the caller may read the log; true where there is none. */
export function canReadLog(env: NodeJS.ProcessEnv): boolean {
  try {
    accessSync(logOf(env), constants.R_OK);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT";
  }
}

function readKept(state: string): Word[] {
  let text: string;
  try {
    text = readFileSync(keptIn(state), "utf8");
  } catch {
    return [];
  }
  return listOf(parseJson(text)).flatMap((value) => {
    const fields = fieldsOf(value);
    const [address, at] = [fields.get("address"), numberOf(fields.get("at"))];
    const keys = textsOf(fields.get("keys"));
    return typeof address !== "string" || at === undefined ? [] : [{ address, keys, at }];
  });
}

function logOf(env: NodeJS.ProcessEnv): string {
  return env.NIX_BINARY_CACHE_CLIENTS_LOG ?? defaultLog;
}

/** Beside what status keeps: its timer is what calls this in time, and may write there. */
function keptIn(state: string): string {
  return join(state, "status", "clients.json");
}
