import { lastWords, run, type RunResult } from "../lib/run.ts";
import { fieldsOf, listOf, numberOf, parseJson } from "../lib/json.ts";
import { serverAlias } from "./ssh-config.ts";

/** This machine's Nix gives no answer: nothing can be sent now. */
export class NixAway extends Error {
  override readonly name = "NixAway";
}

/** What this machine's store knows of a valid path. */
export interface LocalPath {
  readonly path: string;
  readonly narSize: number;
  /** Built on this machine. */
  readonly ultimate: boolean;
  readonly contentAddressed: boolean;
  readonly derived: boolean;
  /** Names of the keys that signed it. */
  readonly signers: readonly string[];
}

/** Arguments of one process; a path is some 100 bytes, and macOS takes 1 MiB of them. */
const perProcess = 500;
const queryMilliseconds = 300_000;
/** As long as the server lets a session last. */
const copyMilliseconds = 6 * 3600_000;

const features = ["--extra-experimental-features", "nix-command"];

/** This machine's Nix, asked through its programs: their options are the same in every version from 2.4 on. */
export class LocalStore {
  readonly #env: NodeJS.ProcessEnv;
  readonly #stop: AbortSignal;

  /** `env` has everything, NIX_SSHOPTS too. */
  constructor(env: NodeJS.ProcessEnv, stop: AbortSignal) {
    this.#env = env;
    this.#stop = stop;
  }

  /** Those of the paths that are not valid here. Throws NixAway. */
  async invalid(paths: readonly string[]): Promise<ReadonlySet<string>> {
    const found = new Set<string>();
    for (const some of chunks(paths)) {
      const result = await this.#run("nix-store", ["--check-validity", "--print-invalid", ...some]);
      if (result.status !== 0) throw new NixAway(`nix-store --check-validity: ${lastWords(result)}`);
      for (const line of result.stdout.split("\n")) if (line !== "") found.add(line);
    }
    return found;
  }

  /** What is known of valid paths, with all that they need (`closure`) or alone. Throws an Error, or NixAway. */
  async describe(paths: readonly string[], closure: boolean): Promise<readonly LocalPath[]> {
    const found = new Map<string, LocalPath>();
    for (const some of chunks(paths)) {
      const args = [...features, "path-info", "--json", ...(closure ? ["--recursive"] : []), ...some];
      const result = await this.#run("nix", args);
      if (result.status !== 0) throw failure(`nix path-info: ${lastWords(result)}`);
      for (const info of parsePathInfo(parseJson(result.stdout))) found.set(info.path, info);
    }
    return [...found.values()];
  }

  /** Signs paths with the key in a file. Throws an Error, or NixAway. */
  async sign(paths: readonly string[], keyFile: string): Promise<void> {
    for (const some of chunks(paths)) {
      const result = await this.#run("nix", [...features, "store", "sign", "--key-file", keyFile, ...some]);
      if (result.status !== 0) throw failure(`nix store sign: ${lastWords(result)}`);
    }
  }

  /** Copies paths and what they need to the server; what public caches have, the server fetches itself. Throws an Error, or NixAway. */
  async copy(paths: readonly string[]): Promise<void> {
    const args = [...features, "copy", "--to", `ssh://${serverAlias}`, "--substitute-on-destination", ...paths];
    const result = await this.#run("nix", args, copyMilliseconds);
    if (result.status !== 0) throw failure(lastWords(result));
  }

  #run(program: string, args: readonly string[], timeout = queryMilliseconds): Promise<RunResult> {
    return run(program, args, { env: this.#env, timeout, stop: this.#stop });
  }
}

/** Nix's words for a daemon or an ssh session that is not to be had: no path's fault, and the same for every path. */
const unconnected = /cannot connect to|cannot open connection to remote store/;

function failure(words: string): Error {
  return unconnected.test(words) ? new NixAway(words) : new Error(words);
}

/**
 * What `nix path-info --json` printed: a list with `path` (before Nix 2.19), an object by path (2.19 on), or that object
 * under `info` with base names (JSON format 2 on). Paths that are not valid are left out.
 */
export function parsePathInfo(answer: unknown): readonly LocalPath[] {
  const entries = Array.isArray(answer)
    ? listOf(answer).map((info) => [String(fieldsOf(info).get("path")), fieldsOf(info)] as const)
    : [...fieldsOf(fieldsOf(answer).get("info") ?? answer)].map(([path, info]) => [path, fieldsOf(info)] as const);
  return entries.flatMap(([path, info]) => {
    const narSize = numberOf(info.get("narSize"));
    if (narSize === undefined || info.get("valid") === false) return [];
    return {
      path: path.startsWith("/") ? path : `/nix/store/${path}`,
      narSize,
      ultimate: info.get("ultimate") === true,
      contentAddressed: (info.get("ca") ?? "") !== "",
      derived: (info.get("deriver") ?? "") !== "",
      signers: listOf(info.get("signatures")).map(signerOf),
    };
  });
}

function signerOf(signature: unknown): string {
  const text = typeof signature === "string" ? signature : String(fieldsOf(signature).get("keyName"));
  return text.split(":")[0] ?? "";
}

function* chunks(paths: readonly string[]): Generator<readonly string[]> {
  for (let start = 0; start < paths.length; start += perProcess) yield paths.slice(start, start + perProcess);
}
