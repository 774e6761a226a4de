/** Runs one operation of the real Pulumi engine on the project's program, in a process of its own. */
import { fork, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { installPlugins } from "../providers/install.ts";
import { engineFolders, operationEnvironment } from "./environment.ts";
import { findEngine } from "./find.ts";
import { isAlive } from "./lock.ts";
import type {
  ChildMessage,
  ChildRequest,
  ConfigSetting,
  OperationName,
  OperationOptions,
  OperationResult,
} from "./operation.ts";
import type { OnLine } from "./progress.ts";
import { Stop } from "./stop.ts";
import { engineVersion, isAtLeast, OLDEST_VERSION, tooOld } from "./version.ts";

/** The project's name in Pulumi. */
const PROJECT = "nix-binary-cache";
const ROOT = join(import.meta.dirname, "..", "..", "..");

const PRIVATE = { recursive: true, mode: 0o700 };

/** What to do. */
export interface OperateRequest {
  /** The lab instance; the engine's folders are made in `dir`/pulumi. */
  instance: { dir: string };
  stack: string;
  operation: OperationName;
  /** The whole configuration; keys without a namespace are the project's. */
  config: Record<string, ConfigSetting>;
  /** Credentials and base URLs; nothing like them is taken from this process's environment. */
  env: Record<string, string>;
  /** Encrypts the stack's secrets. */
  passphrase: string | undefined;
  /** Takes the engine's lines as they come. */
  onLine: OnLine;
  /** Default: an hour. The operation is then cancelled. */
  timeoutSeconds?: number;
  options?: OperationOptions;
  /** Absolute path of the program; default: the project's index.ts. */
  program?: string;
  /** The engine's executable; default: findEngine's. */
  engine?: string;
  /** Cancels the operation, as SIGINT does. */
  signal?: AbortSignal;
}

function failed(message: string, started: number): OperationResult {
  const seconds = (Date.now() - started) / 1000;
  const diagnostics = [{ severity: "error" as const, message }];
  return {
    ok: false,
    message,
    changeSummary: {},
    steps: [],
    outputs: {},
    stdout: "",
    stderr: "",
    seconds,
    diagnostics,
  };
}

const NO_PASSPHRASE =
  "No passphrase: the stack's secrets are encrypted with one. Set PULUMI_CONFIG_PASSPHRASE (an empty value counts as one).";

async function checkedEngine({ engine, onLine }: OperateRequest): Promise<string> {
  if (engine === undefined) return (await findEngine(onLine)).path;
  if (!existsSync(engine))
    throw new Error(`There is no Pulumi engine at ${engine}. Install pulumi or leave the path out.`);
  const version = await engineVersion(engine);
  if (!isAtLeast(version, OLDEST_VERSION)) throw new Error(tooOld(engine, version));
  return engine;
}

// A killed run leaves its lock behind in the file backend; the lock names the process.
async function removeStaleLocks(state: string): Promise<void> {
  const folder = join(state, ".pulumi", "locks");
  const files = await readdir(folder, { recursive: true }).catch((): string[] => []);
  for (const file of files.filter((name) => name.endsWith(".json"))) {
    const lock = JSON.parse(await readFile(join(folder, file), "utf8")) as { pid?: number };
    if (lock.pid !== undefined && !isAlive(lock.pid)) await rm(join(folder, file), { force: true });
  }
}

/**
 * Runs the operation and gives what it came to; a failure is a result with `ok: false`, not an exception. SIGINT and
 * SIGTERM of this process cancel it: the engine finishes what is running, and no process stays behind.
 */
export async function operate(request: OperateRequest): Promise<OperationResult> {
  const started = Date.now();
  const { passphrase } = request;
  if (passphrase === undefined) return failed(NO_PASSPHRASE, started);
  try {
    const engine = await checkedEngine(request);
    const folders = engineFolders(request.instance.dir);
    for (const folder of [folders.home, folders.state, folders.work]) await mkdir(folder, PRIVATE);
    installPlugins(folders.home);
    await removeStaleLocks(folders.state);
    const env = operationEnvironment(folders, engine, passphrase, request.env);
    return await inChild(request, engine, env, started);
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error), started);
  }
}

async function inChild(
  request: OperateRequest,
  engine: string,
  env: NodeJS.ProcessEnv,
  started: number,
): Promise<OperationResult> {
  const child = fork(join(import.meta.dirname, "run-operation.ts"), [], {
    env,
    cwd: ROOT,
    execArgv: ["--disable-warning=ExperimentalWarning"],
    // A group of its own: a Ctrl-C reaches the engine once, from us; twice would end it in the middle of a step.
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  const stop = new Stop(child, request.operation, request);
  try {
    const text = follow(child, request.onLine);
    const message: ChildRequest = {
      engine,
      folder: join(request.instance.dir, "pulumi"),
      project: PROJECT,
      program: request.program ?? join(ROOT, "index.ts"),
      root: ROOT,
      stack: request.stack,
      operation: request.operation,
      config: request.config,
      options: request.options ?? {},
    };
    const result = await answer(child, message);
    const seconds = (Date.now() - started) / 1000;
    const why = stop.reason === undefined ? result.message : `${stop.reason}${result.message && `: ${result.message}`}`;
    return { ...result, ok: result.ok && stop.reason === undefined, message: why, ...text, seconds };
  } finally {
    stop.done();
  }
}

/** Collects both streams, and passes their lines on. */
function follow(child: ChildProcess, onLine: OnLine): { stdout: string; stderr: string } {
  const text = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    const stream = child[name];
    if (stream === null) continue;
    createInterface({ input: stream }).on("line", (line) => {
      text[name] += `${line}\n`;
      onLine(line);
    });
  }
  return text;
}

async function answer(child: ChildProcess, request: ChildRequest): Promise<ChildMessage> {
  return new Promise((resolve, reject) => {
    let result: ChildMessage | undefined;
    child.once("message", (message) => (result = message as ChildMessage));
    child.once("error", reject);
    child.once("close", (status, signal) => {
      if (result !== undefined) resolve(result);
      else
        reject(new Error(`the process that runs the engine ended without a result (${signal ?? `status ${status}`})`));
    });
    child.send(request);
  });
}
