/** What config.json says to populate. */
import { fieldsOf, listOf, numberOf, textsOf } from "../lib/json.ts";
import { parseAmount } from "../receive/sizes.ts";
import { parseAttribute } from "./attribute.ts";

/** Which lock is built: the committed one; an updated one as well; the update pushed to a branch besides. */
export type LockMode = "committed" | "update" | "update-and-commit";

export interface PopulateSettings {
  readonly enabled: boolean;
  /** The server's name, for the report. */
  readonly host: string;
  readonly flake: string;
  /** Attribute paths as in the configuration; undefined: discovered. */
  readonly outputs: readonly string[] | undefined;
  readonly lock: LockMode;
  /** For one output: evaluation and build together. */
  readonly timeoutSeconds: number;
  readonly memoryBytes: number;
  /** How many generations of a machine, or of anything else, keep their roots. */
  readonly keepSystems: number;
  readonly keepPackages: number;
  /** Binary caches that clients ask before ours; what they have needs no place here. */
  readonly upstreams: readonly Upstream[];
}

/** A binary cache that is asked before ours, and the name of the key that it signs with. */
export interface Upstream {
  readonly url: string;
  readonly keyName: string;
}

const lockModes: readonly LockMode[] = ["committed", "update", "update-and-commit"];

/** Reads the sections `populate`, `server`, `cache` and `retention`. Throws an Error that names the value that is wrong. */
export function readPopulateSettings(config: unknown): PopulateSettings {
  if (config === undefined) throw new Error("there is no config.json: deploy the server first (pulumi up)");
  const sections = fieldsOf(config);
  const section = fieldsOf(sections.get("populate"));
  const server = fieldsOf(sections.get("server"));
  const retention = fieldsOf(sections.get("retention"));
  return {
    enabled: section.get("enabled") !== false,
    host: text(server.get("name") ?? "server", "server.name", /^\S+$/),
    flake: text(section.get("flake") ?? server.get("flake"), "populate.flake (or server.flake)", /^[^#\s]+$/),
    outputs: readOutputs(section.get("outputs") ?? "discover"),
    lock: readLock(section.get("lock") ?? "committed"),
    timeoutSeconds: amount(section.get("timeoutMinutes") ?? 120, "populate.timeoutMinutes") * 60,
    memoryBytes: readMemory(section.get("memoryMax") ?? "8GiB"),
    keepSystems: amount(retention.get("keepSystems") ?? 5, "retention.keepSystems"),
    keepPackages: amount(retention.get("keepPackages") ?? 3, "retention.keepPackages"),
    upstreams: readUpstreams(fieldsOf(sections.get("cache")).get("upstreams")),
  };
}

function wrong(name: string, value: unknown, expected: string): Error {
  const found = value === undefined ? "not there" : JSON.stringify(value);
  return new Error(`${name} in config.json is ${found}; expected ${expected}`);
}

function text(value: unknown, name: string, pattern: RegExp): string {
  if (typeof value === "string" && pattern.test(value)) return value;
  throw wrong(name, value, "a text without spaces or '#'");
}

function amount(value: unknown, name: string): number {
  const found = numberOf(value);
  if (found !== undefined && found > 0) return found;
  throw wrong(name, value, "a number over 0");
}

function readMemory(value: unknown): number {
  const bytes = parseAmount(value);
  if (bytes !== undefined && bytes > 0) return bytes;
  throw wrong("populate.memoryMax", value, 'a size such as "8GiB"');
}

function readLock(value: unknown): LockMode {
  const found = lockModes.find((mode) => mode === value);
  if (found === undefined) throw wrong("populate.lock", value, `one of ${lockModes.join(", ")}`);
  return found;
}

function readOutputs(value: unknown): readonly string[] | undefined {
  if (value === "discover") return undefined;
  const outputs = textsOf(value);
  if (!Array.isArray(value) || outputs.length !== value.length) {
    throw wrong("populate.outputs", value, '"discover" or a list of attribute paths');
  }
  // Throws where one is none.
  outputs.forEach(parseAttribute);
  return outputs;
}

function readUpstreams(value: unknown): readonly Upstream[] {
  return listOf(value).map((entry) => {
    const fields = fieldsOf(entry);
    const [url, publicKey] = [fields.get("url"), fields.get("publicKey")];
    if (typeof url === "string" && URL.canParse(url) && typeof publicKey === "string") {
      return { url, keyName: publicKey.split(":")[0] ?? "" };
    }
    throw wrong("cache.upstreams", entry, "entries with a `url` and a `publicKey`");
  });
}
