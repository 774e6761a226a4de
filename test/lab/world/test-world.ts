/** A world for tests: new at the beginning, and gone at the end, also when the tests are interrupted or killed. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { OnLine } from "../engine/progress.ts";
import { openInstance } from "../instance.ts";
import { claimForTest, handOver } from "../machines/claim.ts";
import { runningEngine } from "./engine.ts";
import { eraseWorld, raiseWorld, type World } from "./world.ts";

export interface TestWorld extends World {
  /** Erases it. @throws Error when something could not be removed */
  release(): Promise<void>;
}

/** Letters of labs for tests: several runs may go on at once, in this checkout and in others. */
const LETTERS = "t u v w x y z a b c d e f g h i j k l m".split(" ");

/** Raises an instance of the lab that nobody else uses. */
export async function testWorld(onLine: OnLine = log): Promise<TestWorld> {
  const id = claimForTest(LETTERS);
  const instance = openInstance(id);
  await eraseWorld(instance);
  const guard = startGuard(id, openInstance(id).dir);
  if (guard.pid !== undefined) handOver(id, guard.pid);
  try {
    await runningEngine(onLine);
    const world = await raiseWorld(id, onLine);
    return { ...world, release: () => release(guard) };
  } catch (error) {
    await release(guard);
    throw error;
  }
}

function startGuard(id: string, dir: string): ChildProcess {
  const program = join(import.meta.dirname, "guard.ts");
  const argv = ["--disable-warning=ExperimentalWarning", program, id, dir];
  return spawn(process.execPath, argv, { detached: true, stdio: ["pipe", "inherit", "inherit"] });
}

async function release(guard: ChildProcess): Promise<void> {
  if (guard.exitCode !== null) throw new Error(`the lab's guard ended before its time (status ${guard.exitCode})`);
  const ended = once(guard, "exit");
  guard.stdin?.end();
  const [status] = (await ended) as [number | null];
  if (status !== 0) throw new Error(`the lab could not be erased (status ${String(status)})`);
}

function log(line: string): void {
  console.log(`      ${line}`);
}
