/** The load: a number of connections that ask, one answer after the other. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const units: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** What a load came to. */
export interface Load {
  readonly seconds: number;
  readonly requests: number;
  /** Bytes of bodies, as transferred. */
  readonly bytes: number;
}

/** Asks for every place once, `connections` at a time. Throws an Error on an answer that is not 200 and whole. */
export async function load(
  url: string,
  places: readonly string[],
  connections: number,
  encoding: string,
): Promise<Load> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const waiting = [...places];
  let bytes = 0;
  const since = performance.now();
  const worker = async (): Promise<void> => {
    for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
      // Not `bytes += await …`, which adds to what there was before the others added theirs.
      const more = await fetchOne(agent, `${url}/${place}`, encoding);
      bytes += more;
    }
  };
  try {
    await Promise.all(Array.from({ length: connections }, worker));
  } finally {
    agent.destroy();
  }
  return { seconds: (performance.now() - since) / 1000, requests: places.length, bytes };
}

/**
 * What wrk, a load generator that costs less than nginx does, gets of the places in `seconds`, in turn again and again.
 * Throws an Error on any answer that is not 200.
 */
export async function sustain(
  url: string,
  places: readonly string[],
  connections: number,
  encoding: string,
  seconds = 1,
): Promise<Load> {
  const folder = mkdtempSync(join(tmpdir(), "serving-load-"));
  const file = join(folder, "places");
  writeFileSync(file, places.map((place) => `/${place}\n`).join(""));
  const script = join(import.meta.dirname, "serving-places.lua");
  const how = ["-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "60s", "-s", script];
  const env = { ...process.env, PLACES: file };
  try {
    const { stdout } = await run("wrk", [...how, "-H", `Accept-Encoding: ${encoding}`, url], { env, timeout: 120_000 });
    return readLoad(stdout);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Reads wrk's account, as `720 requests in 1.00s, 709.21MB read`. */
function readLoad(account: string): Load {
  const [, requests, seconds, bytes, unit = ""] =
    /(\d+) requests in ([\d.]+)s, ([\d.]+)([KMG]?)B read/.exec(account) ?? [];
  if (requests === undefined || /Non-2xx|Socket errors/.test(account)) throw new Error(`wrk: ${account}`);
  return { requests: Number(requests), seconds: Number(seconds), bytes: Number(bytes) * (units[unit] ?? Number.NaN) };
}

function fetchOne(agent: Agent, url: string, encoding: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const asked = get(url, { agent, timeout: 120_000, headers: { "Accept-Encoding": encoding } }, (response) => {
    let bytes = 0;
    response.on("data", (chunk: Buffer) => (bytes += chunk.length));
    response.once("error", reject);
    response.once("end", () => {
      if (response.statusCode === 200) resolve(bytes);
      else reject(new Error(`${url} was answered with status ${response.statusCode ?? 0}`));
    });
  });
  asked.once("timeout", () => asked.destroy(new Error(`${url} gave nothing for two minutes`)));
  asked.once("error", reject);
  return promise;
}

/** The text of a small answer. */
export async function text(url: string): Promise<string> {
  const response = await fetch(url, {
    headers: { "Accept-Encoding": "identity" },
    signal: AbortSignal.timeout(30_000),
  });
  if (!response.ok) throw new Error(`${url} was answered with status ${response.status}`);
  return response.text();
}
