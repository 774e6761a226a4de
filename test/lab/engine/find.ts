/** Finds the Pulumi engine, or gets it: PATH, the cache, the official release, a build of its Go module. */
import { accessSync, constants, existsSync } from "node:fs";
import { chmod, copyFile, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { buildInside, buildWithGo, findGo, NO_GO } from "./build.ts";
import { withLock } from "./lock.ts";
import type { OnLine } from "./progress.ts";
import { downloadRelease, LANGUAGE_HOST } from "./release.ts";
import { ENGINE_VERSION, engineVersion, isAtLeast, OLDEST_VERSION, tooOld } from "./version.ts";

/** An engine: the executable, its version ("3.259.0") and where it came from. */
export interface Engine {
  path: string;
  version: string;
  source: "PATH" | "cache" | "release" | "built";
}

/** An engine that is not in the cache yet. */
type Made = Pick<Engine, "path" | "source">;

/** The lab's cache folder. */
function cacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "nix-binary-cache");
}

function cachedEngine(): string {
  return join(cacheFolder(), `pulumi-v${ENGINE_VERSION}`, "bin", "pulumi");
}

function onPath(name: string): string | undefined {
  const candidates = (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, name));
  return candidates.find((candidate) => {
    try {
      accessSync(candidate, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

async function fromPath(onLine: OnLine): Promise<Engine | undefined> {
  const path = onPath("pulumi");
  if (path === undefined) return undefined;
  const version = await engineVersion(path);
  if (isAtLeast(version, OLDEST_VERSION)) return { path, version, source: "PATH" };
  onLine(tooOld(path, version));
  return undefined;
}

function fromCache(): Engine | undefined {
  const path = cachedEngine();
  // Only an engine that said this version of itself was put there.
  return existsSync(path) ? { path, version: ENGINE_VERSION, source: "cache" } : undefined;
}

/** Makes the engine with `makeIn` in a folder of its own and moves it into the cache whole, one process at a time. */
async function intoCache(onLine: OnLine, makeIn: (folder: string) => Promise<Made>): Promise<Engine> {
  await mkdir(cacheFolder(), { recursive: true });
  const lock = join(cacheFolder(), `pulumi-v${ENGINE_VERSION}.lock`);
  return withLock(lock, "getting the Pulumi engine", onLine, async () => {
    const already = fromCache();
    if (already !== undefined) return already;
    const folder = await mkdtemp(join(cacheFolder(), "pulumi-new-"));
    try {
      const made = await makeIn(folder);
      const version = await engineVersion(made.path);
      if (version !== ENGINE_VERSION) throw new Error(`the engine that was got is ${version}, not ${ENGINE_VERSION}`);
      await store(made.path);
      return { path: cachedEngine(), version, source: made.source };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

/** The language host first, where there is one: once the engine is there, the cache is taken as it is. */
async function store(made: string): Promise<void> {
  const target = cachedEngine();
  const [beside, host] = [join(dirname(made), LANGUAGE_HOST), join(dirname(target), LANGUAGE_HOST)];
  await mkdir(dirname(target), { recursive: true });
  if (existsSync(beside)) await place(beside, host);
  await place(made, target);
}

async function place(from: string, to: string): Promise<void> {
  await copyFile(from, `${to}.new`);
  await chmod(`${to}.new`, 0o755);
  await rename(`${to}.new`, to);
}

/** Makes an engine in `folder` (or in a spare root); gives where it is. */
async function make(folder: string, onLine: OnLine, spareRoot?: () => Promise<string>): Promise<Made> {
  const release = await downloadRelease(folder, onLine);
  if (release !== undefined) return { path: release, source: "release" };
  const go = await findGo();
  if (go !== undefined) return { path: await buildWithGo(go, folder, onLine), source: "built" };
  if (spareRoot === undefined) throw new Error(NO_GO);
  return { path: await buildInside(await spareRoot(), onLine), source: "built" };
}

/**
 * The engine to use. Looks on PATH (from version 3.230.0; an older one is named and passed over), in the cache
 * (${XDG_CACHE_HOME:-~/.cache}/nix-binary-cache), then downloads the official release, then builds it with Go. Where
 * there is no Go, `spareRoot` gives a writable Debian root (trixie or newer) to install Go in and build; it is the
 * caller's to remove. Throws with what to install when none of these is left.
 */
export async function findEngine(onLine: OnLine, spareRoot?: () => Promise<string>): Promise<Engine> {
  const found = (await fromPath(onLine)) ?? fromCache();
  return found ?? intoCache(onLine, (folder) => make(folder, onLine, spareRoot));
}
