/** What the cache says of itself. */
import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import { below, cacheUrl } from "./cache-url.ts";
import { trustsQuery } from "../../clients/trusts.ts";
import { shared, type Machine } from "../machine.ts";
import { trustedKeys } from "./trusted-keys.ts";

/** An answer to a GET, whatever its status. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  /** The server's clock, milliseconds since 1970; undefined without a Date header. */
  readonly date: number | undefined;
  /** When the answer came, by this machine's clock. */
  readonly at: number;
}

const milliseconds = 4000;
/** Nobody's nix-cache-info or narinfo is longer; a captive portal's page may be. */
const longest = 256 * 1024;

/** The cache's nix-cache-info; asking for it tells the server which keys are trusted here. Rejects when there is no HTTP answer. */
export const cacheInfo = shared(async (machine): Promise<Answer> => {
  return get(below(await cacheUrl(machine), "nix-cache-info") + (await told(machine)), machine.stop);
});

/** The server has nothing to tell itself; a Nix that gives no answer is the matter of another check. */
async function told(machine: Machine): Promise<string> {
  if (machine.roles.includes("server")) return "";
  return trustedKeys(machine).then(trustsQuery, () => "");
}

/** GETs something short; a redirection is an answer. Rejects with an Error that names the reason. */
export async function get(url: string, stop: AbortSignal, timeout = milliseconds): Promise<Answer> {
  try {
    const response = await request(url, AbortSignal.any([stop, AbortSignal.timeout(timeout)]));
    const date = Date.parse(response.headers.date ?? "");
    const text = await readText(response);
    return { status: response.statusCode ?? 0, text, date: Number.isNaN(date) ? undefined : date, at: Date.now() };
  } catch (error) {
    throw new Error(`${url}: ${reasonOf(error)}`);
  }
}

/** Not by fetch: it goes on connecting for ten seconds after it was told to stop, and keeps the process from its end. */
function request(url: string, signal: AbortSignal): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const { get: begin } = url.startsWith("https:") ? https : http;
  begin(url, { signal }).once("response", resolve).once("error", reject);
  return promise;
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > longest) break;
  }
  return Buffer.concat(chunks).toString("utf8", 0, longest);
}

/** What is behind fetch's own "fetch failed", or an abort. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? error.cause : error;
  return cause.name === "TimeoutError" ? "no answer in time" : cause.message || error.message;
}

/** `Name: value` lines, as nix-cache-info and narinfo have them; of a name that comes twice, the values in order. */
export function parseLines(text: string): ReadonlyMap<string, readonly string[]> {
  const fields = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const [, name, value] = /^([A-Za-z]+): ?(.*)$/.exec(line.trimEnd()) ?? [];
    if (name === undefined || value === undefined) continue;
    fields.set(name, [...(fields.get(name) ?? []), value]);
  }
  return fields;
}
