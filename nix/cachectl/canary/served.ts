/** Whether the cache serves a path, as a client sees it. */
import { setTimeout as sleep } from "node:timers/promises";
import { get, type Answer } from "../doctor/facts/cache-info.ts";
import { below } from "../doctor/facts/cache-url.ts";
import { downloadNar } from "../doctor/facts/nar.ts";
import { narinfoName, parseNarinfo, type SignedNarinfo } from "../doctor/facts/narinfo.ts";
import type { KeyRing } from "../receive/signature.ts";

const firstPause = 50;
const longestPause = 1000;

/**
 * Asks for the path's narinfo until the cache has it. Rejects with an Error, that says what the cache answered last, when
 * it does not by then, or when `stop` is aborted.
 */
export async function waitUntilServed(
  cache: URL,
  path: string,
  milliseconds: number,
  stop: AbortSignal,
): Promise<SignedNarinfo> {
  const deadline = Date.now() + milliseconds;
  let last = "";
  for (let pause = firstPause; ; pause = Math.min(longestPause, pause * 1.5)) {
    const answer = await ask(cache, path, stop);
    const narinfo = typeof answer === "string" || answer.status !== 200 ? undefined : parseNarinfo(answer.text);
    if (narinfo !== undefined) return narinfo;
    last = typeof answer === "string" ? answer : `the answer is ${answer.status}`;
    if (Date.now() + pause > deadline || stop.aborted) break;
    await sleep(pause, undefined, { signal: stop }).catch(() => undefined);
  }
  throw new Error(`not served within ${Math.round(milliseconds / 1000)} s: ${last}`);
}

async function ask(cache: URL, path: string, stop: AbortSignal): Promise<Answer | string> {
  try {
    return await get(below(cache, narinfoName(path)), stop);
  } catch (error) {
    return (error as Error).message;
  }
}

/** What is wrong with what the cache serves: its signature, the path itself, its bytes. Undefined when nothing is. */
export async function problemOf(
  cache: URL,
  narinfo: SignedNarinfo,
  trusted: KeyRing,
  expected: { readonly narHash: string } | undefined,
  stop: AbortSignal,
): Promise<string | undefined> {
  if (trusted.valid(narinfo, narinfo.signatures).length === 0) return "served without a signature that is trusted here";
  if (expected !== undefined && narinfo.narHash !== expected.narHash) {
    return `served with the hash ${narinfo.narHash}, built with ${expected.narHash}`;
  }
  const outcome = await downloadNar(cache, narinfo, stop);
  return outcome.kind === "whole" ? undefined : outcome.problem;
}
