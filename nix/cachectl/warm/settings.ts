import { parseAmount } from "../receive/sizes.ts";

/** What warming may use of the server. `config.json` sets it under `warm`; without that section commits warm nothing. */
export interface WarmSettings {
  /** The local nginx, as clients see it: `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** NARs at a time. */
  readonly concurrency: number;
  /** Bytes a second, of what is transferred (compressed); text such as "50MiB" is taken too. */
  readonly bytesPerSecond: number;
  /** Bytes in one run; text such as "4GiB" is taken too. */
  readonly maxBytes: number;
  /** Seconds that one run may take. */
  readonly timeoutSeconds: number;
}

const mebibyte = 1024 ** 2;

const defaults: WarmSettings = {
  url: "http://127.0.0.1:5000",
  concurrency: 2,
  bytesPerSecond: 100 * mebibyte,
  maxBytes: 4096 * mebibyte,
  timeoutSeconds: 600,
};

/**
 * The `warm` section of the configuration over the defaults; undefined when there is none. The port, when no `url` is
 * given, is that of the cache (`cache.port`, `port`). Throws an Error that names a value of the wrong kind.
 */
export function readWarmSettings(config: unknown): WarmSettings | undefined {
  const section = member(config, "warm");
  if (section === undefined || section === false || section === null) return undefined;
  const port = member(member(config, "cache"), "port") ?? member(config, "port");
  const url = member(section, "url") ?? (typeof port === "number" ? `http://127.0.0.1:${port}` : defaults.url);
  if (typeof url !== "string" || !URL.canParse(url)) throw new Error("warm.url in config.json is not a URL");
  const amount = (name: "concurrency" | "bytesPerSecond" | "maxBytes" | "timeoutSeconds"): number => {
    const value = member(section, name) ?? defaults[name];
    const parsed = parseAmount(value) ?? 0;
    if (parsed > 0) return parsed;
    throw new Error(
      `warm.${name} in config.json is ${JSON.stringify(value)}; expected a whole number over 0, or a size as "4GiB"`,
    );
  };
  return {
    url,
    concurrency: amount("concurrency"),
    bytesPerSecond: amount("bytesPerSecond"),
    maxBytes: amount("maxBytes"),
    timeoutSeconds: amount("timeoutSeconds"),
  };
}

/** The settings for a run asked for by hand, where no section is needed. */
export function warmSettingsOrDefault(config: unknown): WarmSettings {
  return readWarmSettings(config) ?? readWarmSettings({ ...Object(config), warm: {} }) ?? defaults;
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? new Map<string, unknown>(Object.entries(value)).get(name)
    : undefined;
}
