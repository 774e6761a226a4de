import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fieldsOf, listOf, numberOf, parseJson, textsOf } from "../lib/json.ts";
import { lastWords, run, type RunResult } from "../lib/run.ts";
import type { ToldQueue } from "../receive/told-queue.ts";
import { serverAlias, type SshFiles } from "./ssh-config.ts";

/** The server does not answer, or turns this builder away: nothing else can be sent now either. */
export class ServerAway extends Error {
  override readonly name = "ServerAway";
}

/** The server's answer to a commit. */
export interface Committed {
  readonly committed: ReadonlySet<string>;
  /** Why, by path. */
  readonly refused: ReadonlyMap<string, string>;
}

/** What is left for this builder on the server, in bytes. */
export interface Room {
  readonly onDisk: number;
  readonly today: number;
}

/** ssh's own status for "no connection"; everything else comes from the server. */
const noConnection = 255;
const callMilliseconds = 180_000;
const connectMilliseconds = 20_000;

/** The server's receiver, over one connection that all calls share, `nix copy` too. */
export class Server {
  readonly #files: SshFiles;
  readonly #env: NodeJS.ProcessEnv;
  readonly #stop: AbortSignal;
  #master: ChildProcess | undefined;

  constructor(files: SshFiles, env: NodeJS.ProcessEnv, stop: AbortSignal) {
    this.#files = files;
    this.#env = env;
    this.#stop = stop;
  }

  /** Opens the connection. Throws ServerAway when there is none to be had. */
  async open(): Promise<void> {
    const { config, socket } = this.#files;
    if (this.#master !== undefined || socket === undefined) return;
    await this.#endOrphan(socket);
    const args = ["-F", config, "-o", "ControlMaster=yes", "-N", "-T", serverAlias];
    const master = spawn("ssh", args, { env: this.#env, cwd: "/", stdio: ["ignore", "ignore", "pipe"] });
    this.#master = master;
    let said = "";
    let ended: number | undefined;
    master.stderr.on("data", (chunk: Buffer) => (said = (said + chunk.toString("utf8")).slice(-4000)));
    master.once("error", (error) => ((said = `ssh can't be run: ${error.message}`), (ended = noConnection)));
    master.once("exit", (status) => (ended ??= status ?? noConnection));
    const deadline = Date.now() + connectMilliseconds;
    while (ended === undefined && !existsSync(socket)) {
      if (this.#stop.aborted || Date.now() > deadline) break;
      await sleep(20);
    }
    if (ended === undefined && existsSync(socket)) return;
    await this.close();
    throw new ServerAway(lastWords({ status: noConnection, stdout: "", stderr: said, timedOut: said === "" }));
  }

  /** Ends the connection. Twice is the same as once. */
  async close(): Promise<void> {
    const master = this.#master;
    this.#master = undefined;
    if (this.#files.socket !== undefined) rmSync(this.#files.socket, { force: true });
    if (master?.pid === undefined || master.exitCode !== null || master.signalCode !== null) return;
    const ended = new Promise((resolve) => master.once("exit", resolve));
    master.kill("SIGTERM");
    const insist = setTimeout(() => master.kill("SIGKILL"), 2000);
    await ended;
    master.stderr?.destroy();
    clearTimeout(insist);
  }

  /** Has the server root the paths before they come. Throws ServerAway when it does not. */
  async announce(paths: readonly string[]): Promise<void> {
    const result = await this.#call("announce", listing(paths));
    if (!answered(result)) throw new ServerAway(lastWords(result));
  }

  /** Asks the server to confirm paths. Throws ServerAway when it gives no answer. */
  async commit(paths: readonly string[]): Promise<Committed> {
    const result = await this.#call("commit", listing(paths));
    const answer = fieldsOf(parseJson(result.stdout));
    if (!answered(result) || !answer.has("committed")) throw new ServerAway(lastWords(result));
    const refused = listOf(answer.get("refused")).map((item) => {
      const fields = fieldsOf(item);
      return [String(fields.get("path")), String(fields.get("reason"))] as const;
    });
    return { committed: new Set(textsOf(answer.get("committed"))), refused: new Map(refused) };
  }

  /** What is left on the server. Throws ServerAway when it gives no answer. */
  async room(): Promise<Room> {
    const result = await this.#call("status", "");
    const answer = fieldsOf(parseJson(result.stdout));
    const [store, bytes] = [fieldsOf(answer.get("store")), fieldsOf(answer.get("bytes"))];
    if (!answered(result)) throw new ServerAway(lastWords(result));
    return {
      onDisk: (numberOf(store.get("freeBytes")) ?? Infinity) - (numberOf(store.get("minFreeBytes")) ?? 0),
      today: (numberOf(bytes.get("dailyLimit")) ?? Infinity) - (numberOf(bytes.get("today")) ?? 0),
    };
  }

  /** Has the server know what still waits here. It is not worth a failure: an older server takes no notice. Never throws. */
  async tell(queue: ToldQueue): Promise<void> {
    await this.#call("status", `${JSON.stringify({ queue })}\n`);
  }

  #call(verb: string, input: string): Promise<RunResult> {
    const args = ["-F", this.#files.config, "-T", serverAlias, verb];
    return run("ssh", args, { env: this.#env, input, timeout: callMilliseconds, stop: this.#stop });
  }

  /** An uploader that was killed may have left its connection open, with a copy still running over it. */
  async #endOrphan(socket: string): Promise<void> {
    if (!existsSync(socket)) return;
    const args = ["-F", this.#files.config, "-O", "exit", serverAlias];
    await run("ssh", args, { env: this.#env, timeout: 5000, stop: this.#stop });
    rmSync(socket, { force: true });
  }
}

function listing(paths: readonly string[]): string {
  return paths.map((path) => `${path}\n`).join("");
}

/**
 * Whether a call was answered to its end. Over a shared connection Tailscale SSH now and then loses the status of a call
 * (tried with tailscale 1.98.10, on a line without any delay): ssh ends with 255 and says nothing, and the answer, one
 * line of JSON, is there.
 */
function answered({ status, stdout, stderr }: RunResult): boolean {
  return status === 0 || (status === noConnection && stderr.trim() === "" && parseJson(stdout) !== undefined);
}
