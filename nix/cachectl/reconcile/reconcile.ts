import { createInterface } from "node:readline";
import { spawn } from "node:child_process";
import { isStorePath } from "../receive/path-list.ts";
import type { LocalPath } from "../upload/local-store.ts";

/** Where a reconciliation looks. */
export interface ReconcileSources {
  /** Every path that a root of this machine keeps; large: one after the other. */
  live(): AsyncIterable<string>;
  describe(paths: readonly string[], closure: boolean): Promise<readonly LocalPath[]>;
  /** Whether a path is queued already. */
  queued(path: string): boolean;
  /** Names of keys: this builder's own and those that the server trusts by itself. */
  readonly knownKeys: readonly string[];
  readonly stop: AbortSignal;
}

const atOnce = 500;

/**
 * Hands over what was built on this machine, is alive and was never sent: this builder's signature is missing, and it is
 * the uploader that gives it. Paths go over in groups. Throws an Error when Nix fails.
 */
export async function findUnsent(sources: ReconcileSources, found: (paths: readonly string[]) => void): Promise<void> {
  let group: string[] = [];
  const judge = async (): Promise<void> => {
    const known = group.length === 0 ? [] : await sources.describe(group, false);
    group = [];
    const unsent = known.filter((path) => isUnsent(path, sources.knownKeys) && !sources.queued(path.path));
    if (unsent.length > 0) found(unsent.map(({ path }) => path));
  };
  for await (const path of sources.live()) {
    if (sources.stop.aborted) return;
    if (!isStorePath(path) || path.endsWith(".drv")) continue;
    group.push(path);
    if (group.length >= atOnce) await judge();
  }
  await judge();
}

/** Built here, from a derivation, and signed by none of the keys. */
export function isUnsent(path: LocalPath, knownKeys: readonly string[]): boolean {
  const { ultimate, derived, contentAddressed, signers } = path;
  return ultimate && derived && !contentAddressed && !signers.some((signer) => knownKeys.includes(signer));
}

/** What `nix-store --gc --print-live` prints. Deletes nothing. Throws an Error when it fails. */
export async function* livePaths(env: NodeJS.ProcessEnv, stop: AbortSignal): AsyncGenerator<string> {
  const child = spawn("nix-store", ["--gc", "--print-live"], { env, cwd: "/", stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said = (said + chunk.toString("utf8")).slice(-2000)));
  const { promise: ended, resolve } = Promise.withResolvers<number | null>();
  child.once("error", (error) => {
    said = error.message;
    resolve(null);
  });
  child.once("close", resolve);
  const timer = setTimeout(() => child.kill(), 1800_000);
  const end = (): void => void child.kill();
  stop.addEventListener("abort", end, { once: true });
  try {
    yield* createInterface({ input: child.stdout });
    const status = await ended;
    if (status !== 0 && !stop.aborted) {
      throw new Error(`nix-store --gc --print-live: ${said.trim().split("\n").at(-1) ?? "failed"}`);
    }
  } finally {
    clearTimeout(timer);
    stop.removeEventListener("abort", end);
    child.kill();
  }
}
