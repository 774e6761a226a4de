/** The machine that the doctor looks at. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { fieldsOf, listOf, numberOf, parseJson, textsOf } from "../lib/json.ts";
import type { Paths } from "../lib/paths.ts";
import { searchPath } from "../lib/run.ts";

/** `server` serves the cache; `builder` uploads to it, and reads from it; `client` only reads from it. */
export type Role = "server" | "builder" | "client";

/** Folders of the system; a test has others. */
export interface Places {
  /** /etc/nix. */
  readonly nixConf: string;
  /** /proc; on macOS there is none. */
  readonly proc: string;
  /** What this program was installed with: `hook`, `services` and itself. */
  readonly library: string;
}

/** What config.json says, as far as the doctor needs it. Whatever is missing is undefined or empty. */
export interface KnownSettings {
  readonly role: Role;
  /** This builder's name, or the server's. */
  readonly name: string | undefined;
  readonly cacheUrl: string | undefined;
  readonly cachePort: number | undefined;
  readonly priority: number | undefined;
  /** Those that clients must trust. */
  readonly publicKeys: readonly string[];
  readonly upstreams: readonly string[];
  /** Where builders upload to; on a server, itself. */
  readonly serverHost: string | undefined;
  /** Who answers builders there: "openssh" or "tailscale". */
  readonly sshServer: string | undefined;
  readonly signingDirectory: string | undefined;
  /** Names of the server's own keys, the one that signs first. */
  readonly signingKeys: readonly string[];
  readonly hook: boolean;
}

export interface Machine {
  readonly roles: readonly Role[];
  readonly settings: KnownSettings;
  /** The whole of config.json: undefined when it is not there, or no JSON. */
  readonly config: unknown;
  readonly paths: Paths;
  readonly places: Places;
  /** With a PATH on which Nix and the system's programs are. */
  readonly env: NodeJS.ProcessEnv;
  readonly stop: AbortSignal;
  /** The cache's address as given on the command line. */
  readonly url: string | undefined;
  /** A store path as given on the command line, to be the one that is fetched. */
  readonly path: string | undefined;
  /** The command that looks at a single check again. */
  readonly program: string;
}

/** Finds out what kind of machine this is. Throws nothing: what is wrong with config.json, the check `config` says. */
export function lookAround(
  given: Pick<Machine, "paths" | "env" | "stop"> & { readonly url?: string; readonly path?: string },
  places: Places = placesFrom(given.env),
): Machine {
  const config = readConfig(given.paths.config);
  const settings = parseKnownSettings(config, existsSync);
  const env = { ...given.env, PATH: searchPath(given.env.PATH), LC_ALL: "C" };
  const { paths, stop, url, path } = given;
  const program = "cachectl doctor";
  return { roles: [settings.role], settings, config, paths, places, env, stop, url, path, program };
}

function placesFrom(env: NodeJS.ProcessEnv): Places {
  return {
    nixConf: env.NIX_CONF_DIR ?? "/etc/nix",
    proc: "/proc",
    library: fileURLToPath(new URL("../..", import.meta.url)),
  };
}

function readConfig(file: string): unknown {
  try {
    return parseJson(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

/**
 * Reads config.json: a builder's has its name at the top; one with the signing keys' folder is the server's where that
 * folder `exists`, and a client's elsewhere.
 */
export function parseKnownSettings(config: unknown, exists: (folder: string) => boolean): KnownSettings {
  const top = fieldsOf(config);
  const [cache, server, signing] = ["cache", "server", "signing"].map((name) => fieldsOf(top.get(name)));
  const directory = textOf(signing?.get("directory"));
  const builderName = textOf(top.get("name"));
  const isServer = directory !== undefined && cache?.has("url") === true && exists(directory);
  return {
    role: isServer ? "server" : builderName !== undefined && server?.has("host") === true ? "builder" : "client",
    name: builderName ?? textOf(server?.get("name")),
    cacheUrl: textOf(cache?.get("url")),
    cachePort: numberOf(cache?.get("port")),
    priority: numberOf(cache?.get("priority")),
    publicKeys: textsOf(cache?.get("publicKeys")),
    upstreams: listOf(cache?.get("upstreams")).flatMap((entry) => textOf(fieldsOf(entry).get("url")) ?? []),
    serverHost: textOf(server?.get("host") ?? server?.get("address")),
    sshServer: textOf(server?.get("ssh")),
    signingDirectory: directory,
    signingKeys: textsOf(signing?.get("keys")),
    hook: top.get("hook") !== false,
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Something found out once for a machine, however many checks ask for it. */
export function shared<T>(find: (machine: Machine) => T): (machine: Machine) => T {
  const found = new WeakMap<Machine, { readonly value: T }>();
  return (machine) => {
    const known = found.get(machine) ?? { value: find(machine) };
    found.set(machine, known);
    return known.value;
  };
}
