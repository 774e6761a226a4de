/** A world for tests: new at the beginning, and gone at the end, also when the tests are interrupted or killed. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { OnLine } from "../engine/progress.ts";
import { type Instance, instanceOf, openInstance } from "../instance.ts";
import { claimForTest, handOver, ownerOf } from "../machines/claim.ts";
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
  const instance = await openErased(id);
  const guard = startGuard(id, instance.dir);
  if (guard.pid !== undefined) handOver(id, guard.pid);
  try {
    await runningEngine(onLine);
    const world = await raiseWorld(id, onLine);
    return { ...world, release: () => endGuard(guard) };
  } catch (error) {
    await endGuard(guard);
    throw error;
  }
}

/** Erases the world, if the hook that was to raise it came so far. */
export async function release(world: TestWorld | undefined): Promise<void> {
  await world?.release();
}

/**
 * The instance, with nothing in it. Where a run was killed together with its guard, by the host's own end of a session
 * say, its lab still stands: no test holds the letter any more, so it belongs to nobody, also when it is another
 * checkout's, and also when that checkout is gone.
 */
async function openErased(id: string): Promise<Instance> {
  await eraseWorld(instanceOf(id, ownerOf({ id })));
  await eraseWorld(instanceOf(id));
  return openInstance(id);
}

function startGuard(id: string, dir: string): ChildProcess {
  const program = join(import.meta.dirname, "guard.ts");
  const argv = ["--disable-warning=ExperimentalWarning", program, id, dir];
  return spawn(process.execPath, argv, { detached: true, stdio: ["pipe", "inherit", "inherit"] });
}

async function endGuard(guard: ChildProcess): Promise<void> {
  if (guard.exitCode !== null) throw new Error(`the lab's guard ended before its time (status ${guard.exitCode})`);
  const ended = once(guard, "exit");
  guard.stdin?.end();
  const [status] = (await ended) as [number | null];
  if (status !== 0) throw new Error(`the lab could not be erased (status ${String(status)})`);
}

function log(line: string): void {
  console.log(`      ${line}`);
}
