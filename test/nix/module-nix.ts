/** Runs Nix for the tests of the modules: each is called as the function it is, and what comes out is JSON. */
import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Releases of NixOS that place Harmonia's options differently. */
export const nixosReleases = ["24.11", "26.05", "26.11"] as const;

export type Release = (typeof nixosReleases)[number] | "darwin" | "determinate" | "determinate-bare";

export type Role = "server" | "client" | "builder" | "darwin";

export interface Case {
  readonly roles: readonly Role[];
  readonly release?: Release;
  /** The user's own configuration, one object a module. */
  readonly modules?: readonly object[];
  readonly weakSettings?: object;
  readonly node?: string;
  readonly system?: string;
}

/** A value in the configuration that came out. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** An option as its module writes it; null is what is not there. */
export interface OptionText {
  readonly name: string;
  readonly kind: string | null;
  readonly description: string | null;
  readonly default: string | null;
  readonly example: string | null;
}

export interface Evaluated {
  /** Every option below services.nix-binary-cache, by name. */
  readonly options: readonly OptionText[];
  /** Messages of the assertions that do not hold. */
  readonly failed: readonly string[];
  readonly config: Readonly<Record<string, Json>>;
}

/** Each lib that modules are evaluated with: the lab's double of it and, where NIXPKGS_LIB names its folder, nixpkgs' own. */
export function libs(
  env: NodeJS.ProcessEnv = process.env,
): readonly { readonly name: string; readonly path: string }[] {
  const given = env.NIXPKGS_LIB;
  const double = { name: "the double of lib", path: join(root, "test/lab/flake/lib") };
  if (given === undefined || given === "") return [double];
  if (!existsSync(join(given, "modules.nix"))) {
    throw new Error(`NIXPKGS_LIB: found no modules.nix in ${given}. Name the folder lib of a nixpkgs.`);
  }
  return [double, { name: "nixpkgs' lib", path: given }];
}

/**
 * For `before`: skips the suite, saying why, where Nix is not to be had. Installs it where check-nix.sh can, as that does
 * before it checks.
 */
export function needsNix(this: Mocha.Context): void {
  this.timeout(300_000);
  try {
    execFileSync("sh", ["scripts/check-nix.sh", "nix/flake.nix"], { cwd: root, timeout: 280_000, stdio: "pipe" });
  } catch (error) {
    const words = String((error as { stderr?: Buffer }).stderr ?? error).trim();
    if (!words.includes("nix-instantiate: not found")) throw new Error(`check-nix.sh nix/flake.nix: ${words}`);
    console.warn(`      skipped: ${words}`);
    this.skip();
  }
}

/** Evaluates modules; an Error has Nix's own words. */
export async function evaluate(lib: string, { roles, release = "26.05", ...more }: Case): Promise<Evaluated> {
  const given = { libPath: lib, roles: JSON.stringify(roles), release, ...optional(more) };
  return (await evaluateFile("module-evaluate.nix", given)) as Evaluated;
}

/** The value of a file of this folder, a function called with the texts given; an Error has Nix's own words. */
export async function evaluateFile(file: string, given: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const scratch = mkdtempSync(join(tmpdir(), "nix-binary-cache-eval-"));
  const args = Object.entries(given).flatMap(([name, value]) => ["--argstr", name, value]);
  const env = { PATH: process.env.PATH, HOME: scratch, NIX_REMOTE: "", NIX_STATE_DIR: scratch, NIX_LOG_DIR: scratch };
  try {
    const { stdout } = await promisify(execFile)(
      "nix-instantiate",
      ["--eval", "--strict", "--json", join(root, "test/nix", file), ...args],
      { env, timeout: 60_000, maxBuffer: 16 * 1024 ** 2 },
    );
    return JSON.parse(stdout);
  } catch (error) {
    // Nix's words are all there is to know; the command would drown them.
    throw new Error((error as { stderr?: string }).stderr ?? String(error));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function optional({ modules, weakSettings, node, system }: Omit<Case, "roles" | "release">): Record<string, string> {
  return {
    ...(modules && { modules: JSON.stringify(modules) }),
    ...(weakSettings && { weakSettings: JSON.stringify(weakSettings) }),
    ...(node && { node }),
    ...(system && { system }),
  };
}

/** The value at a path of attribute names; undefined where there is none. */
export function at(value: Json | Evaluated["config"] | undefined, ...path: readonly string[]): Json | undefined {
  let found: Json | undefined = value;
  for (const name of path) {
    if (typeof found !== "object" || found === null || Array.isArray(found)) return undefined;
    found = (found as Readonly<Record<string, Json>>)[name];
  }
  return found;
}

/** The text at a path; throws an Error that says what is there instead. */
export function textAt(value: Json | Evaluated["config"] | undefined, ...path: readonly string[]): string {
  const found = at(value, ...path);
  if (typeof found === "string") return found;
  throw new Error(`expected a text at ${path.join(".")}, found ${JSON.stringify(found)}`);
}
