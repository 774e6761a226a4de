import { readFileSync } from "node:fs";
import { fieldsOf, parseJson, textsOf } from "../lib/json.ts";

/** What the uploader reads from config.json; `components/upload-hook` and the Nix modules write it. */
export interface UploadSettings {
  /** This builder's name. */
  readonly name: string;
  readonly server: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    /** The server's public host key, `ssh-ed25519 AAAA…`: no other is accepted. */
    readonly hostKey: string;
  };
  /** A path with a larger NAR is not uploaded. */
  readonly maxPathBytes: number;
  /** Shell patterns; a path whose name (what follows the hash) matches one is not uploaded. */
  readonly exclude: readonly string[];
  /** Paths that go to the server in one step. */
  readonly batchPaths: number;
  /** Names of the keys whose signatures the server trusts by itself: what they signed, this builder does not sign. */
  readonly upstreamKeys: readonly string[];
}

const units: ReadonlyMap<string, number> = new Map(
  ["KiB", "MiB", "GiB", "TiB"].map((unit, power) => [unit, 1024 ** (power + 1)] as const),
);

/** Reads config.json. Throws an Error that names everything that is wrong with it. */
export function readSettings(file: string): UploadSettings {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new Error(
      `${file} can't be read (${(error as Error).message}): install the builder's side, or set its module`,
    );
  }
  const given = parseJson(text);
  if (given === undefined) throw new Error(`${file} is no JSON: install the builder's side again`);
  return parseSettings(given, file);
}

/** As readSettings, of what the file holds. */
export function parseSettings(given: unknown, file = "config.json"): UploadSettings {
  const problems: string[] = [];
  const check = (fields: ReadonlyMap<string, unknown>, name: string, form: RegExp, rule: string): string => {
    const value = fields.get(name.slice(name.indexOf(".") + 1));
    if (typeof value === "string" && form.test(value)) return value;
    problems.push(`${name} is ${value === undefined ? "missing" : JSON.stringify(value)}, expected ${rule}`);
    return "";
  };
  const top = fieldsOf(given);
  const server = fieldsOf(top.get("server"));
  const port = whole(server.get("port") ?? 22, 65_535);
  const batchPaths = whole(top.get("batchPaths") ?? 200, 1000);
  const maxPathBytes = sizeOf(top.get("maxPathBytes") ?? "4GiB");
  if (port === undefined) problems.push("server.port is no port");
  if (batchPaths === undefined) problems.push("batchPaths is no whole number from 1 to 1000");
  if (maxPathBytes === undefined) problems.push('maxPathBytes is no size such as "4GiB"');
  const settings = {
    name: check(top, "name", /^[a-z][a-z0-9-]{0,62}$/, "a builder's name"),
    server: {
      host: check(server, "server.host", /^[A-Za-z0-9][A-Za-z0-9.:-]*$/, "an address"),
      port: port ?? 22,
      user: check(
        new Map([["user", server.get("user") ?? "nix-push"]]),
        "server.user",
        /^[a-z_][a-z0-9_-]*$/,
        "a user",
      ),
      hostKey: check(server, "server.hostKey", /^ssh-ed25519 [A-Za-z0-9+/]{68}( [^\n]*)?$/, '"ssh-ed25519 AAAA…"'),
    },
    maxPathBytes: maxPathBytes ?? 0,
    exclude: textsOf(top.get("exclude")),
    batchPaths: batchPaths ?? 200,
    upstreamKeys: top.has("upstreamKeys") ? textsOf(top.get("upstreamKeys")) : ["cache.nixos.org-1"],
  };
  if (problems.length > 0) throw new Error(`${file}: ${problems.join("; ")}`);
  return settings;
}

function whole(value: unknown, most: number): number | undefined {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= most ? value : undefined;
}

function sizeOf(value: unknown): number | undefined {
  if (typeof value === "number") return value > 0 ? value : undefined;
  const [, amount, unit = ""] = /^(\d+)(KiB|MiB|GiB|TiB)$/.exec(typeof value === "string" ? value : "") ?? [];
  return amount === undefined ? undefined : Number(amount) * (units.get(unit) ?? 1);
}
