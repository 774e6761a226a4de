import { Agent } from "node:http";
import { fetchNar, narPlace, probe, type Fetching } from "./fetch.ts";
import { Pace } from "./pace.ts";
import type { WarmSettings } from "./settings.ts";

/** What a run came to: counts of paths, bytes transferred, and why paths were left out. */
export interface WarmResult {
  readonly warmed: number;
  readonly bytes: number;
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
}

const probeMilliseconds = 2000;
const idleMilliseconds = 30_000;

/**
 * Has the local nginx fetch the compressed NAR of each path, as its first reader would. Never fails: a cache that does
 * not answer within two seconds, a path it does not have, and what is beyond the budget are skipped and named.
 * `stop` ends the run early; what is left then is named too.
 */
export async function warm(paths: readonly string[], settings: WarmSettings, stop: AbortSignal): Promise<WarmResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: settings.concurrency });
  const signal = AbortSignal.any([stop, AbortSignal.timeout(settings.timeoutSeconds * 1000)]);
  const url = settings.url.replace(/\/+$/, "");
  const fetching: Fetching = { url, agent, signal, timeout: idleMilliseconds };
  try {
    await probe({
      ...fetching,
      timeout: probeMilliseconds,
      signal: AbortSignal.any([signal, AbortSignal.timeout(probeMilliseconds)]),
    });
    return await warmAll(paths, fetching, settings);
  } catch (error) {
    return {
      warmed: 0,
      bytes: 0,
      skipped: paths.map((path) => ({ path, reason: `the cache is away: ${describe(error)}` })),
    };
  } finally {
    agent.destroy();
  }
}

async function warmAll(paths: readonly string[], fetching: Fetching, settings: WarmSettings): Promise<WarmResult> {
  const pace = new Pace(settings.bytesPerSecond, settings.maxBytes);
  const waiting = [...paths];
  const skipped: { path: string; reason: string }[] = [];
  let warmed = 0;
  const worker = async (): Promise<void> => {
    for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
      const reason = await warmOne(path, fetching, pace);
      if (reason === undefined) warmed += 1;
      else skipped.push({ path, reason });
    }
  };
  await Promise.all(Array.from({ length: settings.concurrency }, worker));
  return { warmed, bytes: pace.total, skipped };
}

async function warmOne(path: string, fetching: Fetching, pace: Pace): Promise<string | undefined> {
  const early = whyToStop(fetching.signal, pace);
  if (early !== undefined) return early;
  try {
    await fetchNar(fetching, await narPlace(fetching, path), pace);
    return undefined;
  } catch (error) {
    return whyToStop(fetching.signal, pace) ?? describe(error);
  }
}

function whyToStop(signal: AbortSignal, pace: Pace): string | undefined {
  if (signal.aborted) return "the time is used up";
  return pace.spent ? "the budget of bytes is used up" : undefined;
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
