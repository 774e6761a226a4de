import { fieldsOf } from "../lib/json.ts";
import { parseAmount } from "../receive/sizes.ts";

/** What scrubbing may use. `config.json` sets it under `scrub`. */
export interface ScrubSettings {
  /** Bytes a second, read from the store's disk; text such as "50MiB" is taken too. @default 50 MiB */
  readonly bytesPerSecond: number;
  /** nginx's cache of compressed NARs, from which copies of a corrupt path are removed. */
  readonly nginxCache: string;
}

const defaults = { bytesPerSecond: "50MiB", nginxCache: "/var/cache/nginx/nix-binary-cache" };

/** Reads `scrub` of config.json over the defaults; throws an Error that names a value of the wrong kind. */
export function readScrubSettings(config: unknown): ScrubSettings {
  const section = fieldsOf(fieldsOf(config).get("scrub"));
  const rate = section.get("bytesPerSecond") ?? defaults.bytesPerSecond;
  const nginxCache = section.get("nginxCache") ?? defaults.nginxCache;
  if (typeof nginxCache !== "string" || !nginxCache.startsWith("/")) {
    throw new Error(`scrub.nginxCache in config.json is ${JSON.stringify(nginxCache)}; expected a folder's full path`);
  }
  return { bytesPerSecond: parseRate(rate, "scrub.bytesPerSecond in config.json"), nginxCache };
}

/** A rate over 0; throws an Error that says where it stands. */
export function parseRate(value: unknown, where: string): number {
  const bytes = parseAmount(value) ?? 0;
  if (bytes > 0) return bytes;
  throw new Error(`${where} is ${JSON.stringify(value)}; expected bytes a second as "50MiB"`);
}
