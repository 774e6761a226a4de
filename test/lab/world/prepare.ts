/** What mocha does before the first test of a run with the lab: gets the engine and the machines' root, once. */
import { ensureBase } from "../machines/base/base.ts";
import { runningEngine } from "./engine.ts";

/** On a bare machine this takes many minutes, each step with a limit of its own. @throws Error with what to do */
export async function mochaGlobalSetup(): Promise<void> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  await runningEngine(say);
  await ensureBase(say);
}
