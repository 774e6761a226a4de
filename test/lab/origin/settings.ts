/** The double's settings: Harmonia's own file and environment, so that the real one takes the double's place unchanged. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** What of Harmonia's settings the double keeps to. */
export interface Settings {
  /** `ADDRESS:PORT`. */
  readonly host: string;
  readonly port: number;
  readonly priority: number;
  readonly enableCompression: boolean;
  /** Secret keys, each `name:base64` as `nix key generate-secret` makes them. All of them sign. */
  readonly secretKeys: readonly string[];
  /** The folder that holds what belongs in /nix/store. */
  readonly realStore: string;
  /** Nix's database. */
  readonly database: string;
}

type Value = string | number | boolean | readonly string[];

const known = new Map<string, Value>([
  ["bind", "[::]:5000"],
  ["workers", 4],
  ["max_connection_rate", 256],
  ["max_connections", 2048],
  ["priority", 30],
  ["enable_compression", true],
  ["sign_key_paths", []],
  ["real_nix_store", "/nix/store"],
  ["nix_db_path", ""],
]);

/**
 * Reads the file that CONFIG_FILE names (flat TOML) and the keys that SIGN_KEY_PATHS lists. Throws an Error on a setting
 * that Harmonia would refuse, and on a key that can't be read.
 */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const values = new Map(known);
  if (env.CONFIG_FILE !== undefined) {
    for (const [name, value] of parseFlatToml(readFileSync(env.CONFIG_FILE, "utf8"))) values.set(name, value);
  }
  const [, host = "", port = ""] = /^(?:(.*):)?(\d+)$/.exec(String(values.get("bind"))) ?? [];
  if (port === "") throw new Error(`bind is ${JSON.stringify(values.get("bind"))}; the double takes ADDRESS:PORT`);
  const realStore = String(values.get("real_nix_store"));
  const listed = values.get("sign_key_paths");
  const keyFiles = [
    ...(typeof listed === "object" ? listed : []),
    ...(env.SIGN_KEY_PATHS ?? "").split(/\s+/).filter((path) => path !== ""),
  ];
  return {
    host: host.replace(/^\[|\]$/g, ""),
    port: Number(port),
    priority: Number(values.get("priority")),
    enableCompression: values.get("enable_compression") === true,
    secretKeys: keyFiles.map((path) => readFileSync(path, "utf8").trim()),
    realStore,
    database: String(values.get("nix_db_path")) || join(dirname(realStore), "var/nix/db/db.sqlite"),
  };
}

/** Lines of `name = value`, with comments; unknown names and other kinds of values are errors, as Harmonia has it. */
function parseFlatToml(text: string): [string, Value][] {
  const lines = text.split("\n").map((line) => line.trim());
  return lines
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [, name = "", literal = ""] = /^(\w+)\s*=\s*(.*)$/.exec(line) ?? [];
      if (!known.has(name)) throw new Error(`${JSON.stringify(line)} is no setting that the double knows`);
      const value: unknown = JSON.parse(literal.replace(/,\s*\]$/, "]"));
      const expected = known.get(name);
      if (typeof value !== typeof expected) throw new Error(`${name} is ${literal}; expected a ${typeof expected}`);
      return [name, value as Value];
    });
}
