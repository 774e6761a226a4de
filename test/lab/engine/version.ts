/** The Pulumi engine's version: which one the lab pins, which ones it takes. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** The version that the lab gets for itself. */
export const ENGINE_VERSION = "3.259.0";
/** The oldest that the installed SDK's Automation API and this project's resource options work with. */
export const OLDEST_VERSION = "3.230.0";

/** Time for `pulumi version`, in milliseconds; a cold start from a slow disk takes seconds. */
const TIMEOUT_MS = 30_000;

/** Version of the engine at `path`, such as "3.259.0". Throws when it cannot be run or names none. */
export async function engineVersion(path: string): Promise<string> {
  const env = { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "true" };
  const { stdout } = await promisify(execFile)(path, ["version"], { timeout: TIMEOUT_MS, env });
  const found = /^v?(\d+\.\d+\.\d+)/m.exec(stdout)?.[1];
  if (found === undefined)
    throw new Error(`${path} version printed ${JSON.stringify(stdout.trim())}, which is no version`);
  return found;
}

/** Whether `version` is `minimum` or newer. */
export function isAtLeast(version: string, minimum: string): boolean {
  const numbers = (text: string): number[] => text.split(".").map(Number);
  const wanted = numbers(minimum);
  const found = numbers(version);
  const first = wanted.findIndex((part, index) => part !== found[index]);
  return first === -1 || (found[first] ?? 0) > (wanted[first] ?? 0);
}

/** What to say of an engine that is too old. */
export function tooOld(path: string, version: string): string {
  return `${path} is Pulumi ${version}, too old: ${OLDEST_VERSION} or newer is needed. Install a newer one, or take it off PATH and let the lab get its own (${ENGINE_VERSION}).`;
}
