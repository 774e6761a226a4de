/** The engine that the lab runs, got once; where there is no Go to build it with, a spare Debian root has one. */
import { rm } from "node:fs/promises";
import { findEngine, type Engine } from "../engine/find.ts";
import type { OnLine } from "../engine/progress.ts";
import { spareRoot } from "../machines/base/base.ts";
import { preflight } from "../machines/preflight.ts";

/** Finds the engine, or gets it. @throws Error with what to install when there is no way to */
export async function runningEngine(onLine: OnLine): Promise<Engine> {
  let root: string | undefined;
  const makeRoot = async (): Promise<string> => (root = await spareRoot(onLine));
  try {
    await preflight(onLine);
    const engine = await findEngine(onLine, makeRoot);
    onLine(`Pulumi ${engine.version} (${engine.path})`);
    return engine;
  } finally {
    if (root !== undefined) await rm(root, { recursive: true, force: true });
  }
}
