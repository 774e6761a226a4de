/** What is done for an output that is there and has its root. */
import { readWarmSettings } from "../warm/settings.ts";
import { warm } from "../warm/warm.ts";
import { closureFacts } from "./closure.ts";
import type { Filling } from "./fill.ts";
import type { OutputResult } from "./result.ts";

/** Counts what came, and has nginx fetch what its first reader would wait for. The root is there already: none of it can fail the output. */
export async function afterwards(
  { store, settings, config, nix: { stop } }: Filling,
  paths: readonly string[],
  before: readonly string[],
): Promise<Partial<OutputResult>> {
  try {
    const keys = new Set(settings.upstreams.map(({ keyName }) => keyName));
    const { ours, ...sizes } = await closureFacts(store, paths, before, keys);
    const warming = readWarmSettings(config);
    if (warming === undefined || ours.length === 0) return sizes;
    const { warmed, skipped } = await warm(ours, warming, stop);
    return { ...sizes, warmed, ...(skipped[0] && { notWarmed: `${skipped.length} (${skipped[0].reason})` }) };
  } catch (error) {
    return { notWarmed: error instanceof Error ? error.message : String(error) };
  }
}
