import { get, type Agent, type IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Pace } from "./pace.ts";

/** Where and how warming fetches. */
export interface Fetching {
  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  readonly url: string;
  readonly agent: Agent;
  /** Ends everything under way. */
  readonly signal: AbortSignal;
  /** Milliseconds without an answer, or without a byte of it, after which a fetch is given up. */
  readonly timeout: number;
}

const longestNarinfo = 1024 ** 2;

/** Waits of less than this many milliseconds are left to the next chunk. */
const shortestWait = 20;

/** Asks whether the cache answers at all; throws an Error when it does not. */
export async function probe(fetching: Fetching): Promise<void> {
  await readText(await open(fetching, "/nix-cache-info", "identity"));
}

/** The NAR's place in a path's narinfo, relative to the cache; throws an Error when the cache does not have the path. */
export async function narPlace(fetching: Fetching, path: string): Promise<string> {
  const hash = path.slice("/nix/store/".length, "/nix/store/".length + 32);
  const narinfo = await readText(await open(fetching, `/${hash}.narinfo`, "identity"));
  const place = /^URL: (nar\/[A-Za-z0-9._?=&%-]+)$/m.exec(narinfo)?.[1];
  if (place === undefined) throw new Error(`the narinfo of ${path} names no NAR below nar/`);
  return `/${place}`;
}

/** Fetches a NAR as a client of the zstd form does, and drops it; returns once it is whole. Keeps to the pace. */
export async function fetchNar(fetching: Fetching, place: string, pace: Pace): Promise<void> {
  const response = await open(fetching, place, "zstd");
  for await (const chunk of response as AsyncIterable<Buffer>) {
    const wait = pace.take(chunk.length);
    if (pace.spent) response.destroy();
    else if (wait > shortestWait) await sleep(wait, undefined, { signal: fetching.signal });
  }
}

function open(fetching: Fetching, place: string, encoding: string): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const { agent, signal, timeout } = fetching;
  const request = get(`${fetching.url}${place}`, { agent, signal, timeout, headers: { "Accept-Encoding": encoding } });
  request.once("timeout", () => request.destroy(new Error(`${place} gave nothing for ${timeout / 1000} s`)));
  request.once("error", reject);
  request.once("response", (response) => {
    if (response.statusCode === 200) {
      resolve(response);
      return;
    }
    response.resume();
    reject(new Error(`${place} was answered with status ${response.statusCode ?? 0}`));
  });
  return promise;
}

async function readText(response: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of response as AsyncIterable<Buffer>) {
    text += chunk.toString("latin1");
    if (text.length > longestNarinfo) throw new Error("the answer is too long to be a narinfo");
  }
  return text;
}
