/** Runs one program within a time, with everything it starts. */
import { spawn, type ChildProcess } from "node:child_process";
import { Lines } from "./lines.ts";

export interface Bounds {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Milliseconds since 1970 at which the program and its children are killed. */
  readonly deadline: number;
  /** Ends it early, in the same way. */
  readonly stop: AbortSignal;
  /** Every line of standard error, as it comes. There may be any number: the logs of all that an output needs. */
  readonly onLine?: (line: string) => void;
}

/** How a program ended. */
export interface Ended {
  /** `exit`: by itself; `timeout`, `stopped`: killed by us; `flood`: killed, for it wrote more than an answer can have. */
  readonly how: "exit" | "timeout" | "stopped" | "flood";
  /** Exit status; null when a signal ended it. */
  readonly status: number | null;
  readonly stdout: string;
  /** The last lines of standard error. */
  readonly log: readonly string[];
}

/** What may come on standard output: the closure of a big system as JSON is a few MiB. */
const longestAnswer = 64 * 1024 ** 2;
/** From SIGTERM to SIGKILL. Nix needs less than a second to end its builds. */
const graceMilliseconds = 5000;
/** From the program's end until its pipes are closed over the heads of whoever still holds them. */
const pipesMilliseconds = 1000;

/**
 * The program is the leader of a process group, which is killed as a whole. Throws an Error when it can't be started.
 *
 * @param argv the program, by its full path, and its arguments
 */
export async function runBounded(argv: readonly string[], bounds: Bounds): Promise<Ended> {
  const { env, cwd, stop } = bounds;
  const child = spawn(argv[0] ?? "", argv.slice(1), { env, cwd, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  let how: Ended["how"] = "exit";
  const end = (why: Ended["how"]): void => {
    if (how !== "exit") return;
    how = why;
    signalGroup(child, "SIGTERM");
    setTimeout(() => signalGroup(child, "SIGKILL"), graceMilliseconds).unref();
  };
  const onStop = (): void => end("stopped");
  const timer = setTimeout(() => end("timeout"), Math.max(0, bounds.deadline - Date.now()));
  stop.addEventListener("abort", onStop);
  const log = new Lines(bounds.onLine);
  child.stderr.on("data", (chunk: Buffer) => log.add(chunk));
  const answer = collect(child, () => end("flood"));
  if (stop.aborted) onStop();
  try {
    const status = await ended(child);
    return { how, status, stdout: answer(), log: log.last() };
  } finally {
    clearTimeout(timer);
    stop.removeEventListener("abort", onStop);
  }
}

function collect({ stdout }: ChildProcess, flooded: () => void): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stdout?.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size <= longestAnswer) chunks.push(chunk);
    else flooded();
  });
  return () => Buffer.concat(chunks).toString("utf8");
}

/** Waits for the program and its output; what it left behind in its group is killed. */
async function ended(child: ChildProcess): Promise<number | null> {
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.once("error", reject);
  child.once("exit", () => {
    signalGroup(child, "SIGKILL");
    setTimeout(() => [child.stdout, child.stderr].forEach((pipe) => pipe?.destroy()), pipesMilliseconds).unref();
  });
  child.once("close", (status) => resolve(status));
  return promise;
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // The group is gone.
  }
}
