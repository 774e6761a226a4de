import { mkdirSync } from "node:fs";
import { cacheInfo } from "../doctor/facts/cache-info.ts";
import { cacheUrl } from "../doctor/facts/cache-url.ts";
import { knownPath } from "../doctor/facts/known-path.ts";
import { trustedKeys } from "../doctor/facts/trusted-keys.ts";
import { lookAround, type Machine } from "../doctor/machine.ts";
import { UsageError, type Command, type Invocation } from "../lib/command.ts";
import { KeyRing } from "../receive/signature.ts";
import { buildCanary } from "./build.ts";
import { addToHistory, type CanaryRun } from "./history.ts";
import { problemOf, waitUntilServed } from "./served.ts";

/**
 * On the server and on builders a path is built, and waited for; a machine that only reads fetches what the server names.
 * Exit status 0 when it was served whole, 1 when not. Nothing is rooted: the path goes with the next collection.
 */
export const command: Command = {
  summary: "build a path that never was, wait until the cache serves it, check it, and remember how long that took",
  usage: "canary [--timeout SECONDS] [--url URL] [--json]   (60 seconds; URL: the cache's address)",
  options: { timeout: { type: "string" }, url: { type: "string" } },
  run,
};

const defaultSeconds = 60;

/** One canary, and the path that it was. */
interface Flight extends CanaryRun {
  readonly path?: string;
}

async function run({ options, positionals, paths, env, stop, stdout, stderr }: Invocation): Promise<number> {
  const seconds = Number(options.timeout ?? defaultSeconds);
  if (!(seconds > 0) || positionals.length > 0)
    throw new UsageError(`expected a number over 0; usage: cachectl ${command.usage}`);
  const url = typeof options.url === "string" ? { url: options.url } : {};
  const machine = lookAround({ paths, env, stop, ...url });
  const flight = await fly(machine, seconds * 1000);
  // Tells the server which keys are trusted here; whether it hears that is no matter of the canary's.
  await cacheInfo(machine).catch(() => undefined);
  // Stopped from outside: that says nothing about the cache.
  if (stop.aborted) return 1;
  const { at, seconds: taken, problem } = flight;
  try {
    mkdirSync(paths.state, { recursive: true });
    addToHistory(paths.state, { at, seconds: taken, ...(problem !== undefined && { problem }) });
  } catch (error) {
    stderr.write(`not remembered: ${(error as Error).message}; as root: sudo cachectl canary\n`);
  }
  stdout.write(options.json === true ? `${JSON.stringify(flight)}\n` : describe(flight));
  return taken === undefined ? 1 : 0;
}

async function fly(machine: Machine, milliseconds: number): Promise<Flight> {
  const started = Date.now();
  try {
    const cache = await cacheUrl(machine);
    const trusted = new KeyRing(await trustedKeys(machine));
    const canary = machine.roles.includes("client") ? undefined : await buildCanary(machine.env, machine.stop);
    const at = canary?.builtAt ?? started;
    const narinfo =
      canary === undefined
        ? await knownPath(machine)
        : await waitUntilServed(cache, canary.path, milliseconds, machine.stop);
    if (narinfo === undefined) throw new Error("no path is known that the cache has");
    const left = AbortSignal.timeout(Math.max(1000, at + milliseconds - Date.now()));
    const problem = await problemOf(cache, narinfo, trusted, canary, AbortSignal.any([left, machine.stop]));
    const seconds = (Date.now() - at) / 1000;
    return { at, path: narinfo.path, ...(problem === undefined ? { seconds } : { seconds: undefined, problem }) };
  } catch (error) {
    return { at: started, seconds: undefined, problem: error instanceof Error ? error.message : String(error) };
  }
}

function describe({ path = "", seconds, problem }: Flight): string {
  if (seconds !== undefined) return `served whole after ${seconds.toFixed(2)} s: ${path}\n`;
  return `FAILED: ${problem ?? "unknown"}\n        → cachectl doctor shows which hop\n`;
}
