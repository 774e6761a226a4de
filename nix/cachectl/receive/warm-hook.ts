import { spawn } from "node:child_process";
import { childEnvironment, entryPoint, type Host } from "./host.ts";
import { readWarmSettings } from "../warm/settings.ts";

/** Arguments of one process; what is beyond is warmed by its first reader. */
const maxPaths = 1000;

/**
 * Starts `cachectl warm` for paths that were just committed and does not wait for it: the caller has its answer, and a
 * cache that is not warm is no failure. Does nothing unless config.json has a `warm` section.
 */
export function warmInBackground(host: Host, paths: readonly string[]): void {
  if (paths.length === 0 || readWarmSettings(host.config) === undefined) return;
  const args = [entryPoint, "warm", ...paths.slice(0, maxPaths)];
  const { NIX_BINARY_CACHE_STATE: state } = host.environment;
  const env = { ...childEnvironment(host), ...(state !== undefined && { NIX_BINARY_CACHE_STATE: state }) };
  const child = spawn(process.execPath, args, { env, cwd: "/", detached: true, stdio: "ignore" });
  child.on("error", () => undefined);
  child.unref();
}
