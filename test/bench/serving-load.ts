/** The load: a number of connections that ask, one answer after the other. */
import { Agent, get } from "node:http";

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
      bytes += await fetchOne(agent, `${url}/${place}`, encoding);
    }
  };
  try {
    await Promise.all(Array.from({ length: connections }, worker));
  } finally {
    agent.destroy();
  }
  return { seconds: (performance.now() - since) / 1000, requests: places.length, bytes };
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
