import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { lastWords, run } from "../lib/run.ts";
import { isStorePath } from "../receive/path-list.ts";

/** A path that was built a moment ago and has no root but those of the hook's queue. */
export interface Canary {
  readonly path: string;
  /** As this machine's store has it: `sha256:` and Nix's base 32. */
  readonly narHash: string;
  /** The end of the build, milliseconds since 1970. */
  readonly builtAt: number;
}

const buildMilliseconds = 120_000;
const queryMilliseconds = 10_000;

/** Builds a path that never was. Rejects with an Error that has Nix's last words. */
export async function buildCanary(env: NodeJS.ProcessEnv, stop: AbortSignal): Promise<Canary> {
  const expression = fileURLToPath(new URL("canary.nix", import.meta.url));
  const text = `${new Date().toISOString()} ${randomUUID()}`;
  const args = ["--no-out-link", expression, "--argstr", "text", text];
  const built = await run("nix-build", args, { env, timeout: buildMilliseconds, stop });
  const builtAt = Date.now();
  const path = built.stdout.trim().split("\n").at(-1) ?? "";
  if (built.status !== 0 || !isStorePath(path)) throw new Error(`the canary could not be built: ${lastWords(built)}`);
  const query = await run("nix-store", ["--query", "--hash", path], { env, timeout: queryMilliseconds, stop });
  if (query.status !== 0) throw new Error(`the canary is gone: ${lastWords(query)}`);
  return { path, narHash: query.stdout.trim(), builtAt };
}
