/** What the cache says of itself. */
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

/** GETs something short. Rejects with an Error that names the reason, not "fetch failed". */
export async function get(url: string, stop: AbortSignal, timeout = milliseconds): Promise<Answer> {
  try {
    const response = await fetch(url, {
      signal: AbortSignal.any([stop, AbortSignal.timeout(timeout)]),
      redirect: "manual",
    });
    const date = Date.parse(response.headers.get("date") ?? "");
    const text = Buffer.from(await response.arrayBuffer()).toString("utf8", 0, longest);
    return { status: response.status, text, date: Number.isNaN(date) ? undefined : date, at: Date.now() };
  } catch (error) {
    throw new Error(`${url}: ${reasonOf(error)}`);
  }
}

/** What is behind fetch's own "fetch failed". */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return "no answer in time";
  return error.cause instanceof Error ? error.cause.message || error.message : error.message;
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
