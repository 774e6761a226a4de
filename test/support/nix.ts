/** A Nix for tests, new enough for what the project supports, and a store of its own for each test. */
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Context } from "mocha";
import { findOptional } from "../../nix/cachectl/populate/programs.ts";
import { ensureBase } from "../lab/machines/base/base.ts";

/** What the commands that cachectl gives need: `flake metadata --reference-lock-file` and its like. */
const oldest: readonly [number, number] = [2, 18];
const programs = ["nix", "nix-store", "nix-instantiate", "nix-build", "nix-daemon"];

/** The folder with `nix` and `nix-store`, or the reason why there is none. Found once in a process. */
let found: Promise<{ readonly bin: string } | { readonly reason: string }> | undefined;

/**
 * This host's Nix where it is new enough; as root on Linux the one of the lab's machines, which is downloaded once. Skips
 * the test that asks elsewhere, and says why.
 */
export async function nixOrSkip(context: Context): Promise<string> {
  context.timeout(600_000);
  const result = await (found ??= findNix());
  if ("bin" in result) return result.bin;
  const asking = context.test;
  if (asking !== undefined) asking.title += ` (skipped: ${result.reason})`;
  return context.skip();
}

/** The folder with this host's `nix` or the lab's, as above. Throws an Error that says why there is none. */
export async function nixOrThrow(): Promise<string> {
  const result = await (found ??= findNix());
  if ("bin" in result) return result.bin;
  throw new Error(result.reason);
}

async function findNix(): Promise<{ readonly bin: string } | { readonly reason: string }> {
  const host = findOptional("nix", process.env);
  const version = host === undefined ? undefined : versionOf(host);
  if (host !== undefined && version !== undefined && isNewEnough(version)) return { bin: join(host, "..") };
  const lack = version === undefined ? "there is no Nix" : `Nix ${version.join(".")} is older than ${oldest.join(".")}`;
  if (process.platform !== "linux" || process.getuid?.() !== 0) {
    return { reason: `${lack}; root on Linux gets one by itself` };
  }
  return { bin: takeNix(await ensureBase((line) => void process.stderr.write(`${line}\n`))) };
}

function versionOf(nix: string): [number, number] | undefined {
  const [, major, minor] = /\b(\d+)\.(\d+)/.exec(execFileSync(nix, ["--version"], { encoding: "utf8" })) ?? [];
  return major === undefined ? undefined : [Number(major), Number(minor)];
}

function isNewEnough([major, minor]: readonly [number, number]): boolean {
  return major > oldest[0] || (major === oldest[0] && minor >= oldest[1]);
}

/**
 * Copies Nix and its libraries from a Debian root to where any user can run it, and gives the folder of its programs. They
 * run by the root's own dynamic loader, so that they need nothing of this host.
 */
function takeNix(root: string): string {
  const folder = mkdtempSync(join(tmpdir(), "nix-for-tests-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755);
  const [bin, lib] = [join(folder, "bin"), join(folder, "lib")];
  for (const made of [bin, lib]) mkdirSync(made);
  const multiarch = process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
  const libraries = join(root, "usr/lib", multiarch);
  const loader = ["lib64/ld-linux-x86-64.so.2", "lib/ld-linux-aarch64.so.1"]
    .map((name) => join(root, name))
    .find(existsSync);
  if (loader === undefined) throw new Error(`${root} has no dynamic loader`);
  const nix = join(root, "usr/bin/nix");
  const listed = execFileSync(loader, ["--library-path", libraries, "--list", nix], { encoding: "utf8" });
  for (const [, library = ""] of listed.matchAll(/ => (\/\S+)/g)) copyFileSync(library, join(lib, basename(library)));
  copyFileSync(loader, join(lib, "loader"));
  copyFileSync(nix, join(lib, "nix"));
  for (const program of programs) copyFileSync(join(import.meta.dirname, "run-nix.sh"), join(bin, program));
  return bin;
}

/** A store of its own below `folder`, without a daemon, a sandbox or a substituter; gives what the environment must say. */
export function ownStore(folder: string, bin: string, settings: readonly string[] = []): NodeJS.ProcessEnv {
  const conf = join(folder, "etc");
  mkdirSync(conf, { recursive: true });
  const lines = [
    "sandbox = false",
    "build-users-group =",
    "substituters =",
    "build-hook =",
    "max-jobs = 2",
    ...settings,
  ];
  writeFileSync(join(conf, "nix.conf"), `${lines.join("\n")}\n`);
  return {
    PATH: `${bin}:/usr/bin:/bin`,
    HOME: folder,
    NIX_REMOTE: "local",
    NIX_CONF_DIR: conf,
    NIX_STORE_DIR: join(folder, "nix/store"),
    NIX_STATE_DIR: join(folder, "nix/var/nix"),
    NIX_LOG_DIR: join(folder, "nix/var/log/nix"),
    NIX_BINARY_CACHE_STATE: join(folder, "state"),
    NIX_BINARY_CACHE_ROOTS: join(folder, "nix/var/nix/gcroots/nix-binary-cache"),
  };
}
