/** One run of a job: its commands, and every process that comes of them. */
import { randomBytes } from "node:crypto";
import type { ChildProcess } from "node:child_process";
import type { Job } from "./job.ts";
import { ended, jobEnvironment, launch, type Manner } from "./launch.ts";
import { processesOf, signalAll } from "./process-tree.ts";
import type { Command } from "./words.ts";

/** How a command ended. */
export interface End {
  readonly code: number;
  readonly signal: NodeJS.Signals | undefined;
}

export class Invocation {
  /** The job's main process; 0 while there is none. */
  mainPid = 0;
  readonly #job: Job;
  readonly #manner: Manner;
  readonly #stdin: string | undefined;
  readonly #id = randomBytes(16).toString("hex");
  /** Each command that was launched leads a session of its own. */
  readonly #sessions: number[] = [];

  constructor(job: Job, manner: Manner, stdin?: string) {
    this.#job = job;
    this.#manner = manner;
    this.#stdin = stdin;
  }

  /** Everything that the run has started and that lives. */
  processes(): number[] {
    return processesOf(this.#id, this.#sessions);
  }

  /** What a stop reaches: all of it, or the main process alone. */
  stoppable(): number[] {
    if (this.#job.killAll) return this.processes();
    return this.mainPid > 0 ? [this.mainPid] : [];
  }

  /** Ends what is left, where the job leaves nothing running. */
  sweep(): void {
    if (this.#job.killAll) signalAll(this.processes(), "SIGKILL");
  }

  launch(command: Command): ChildProcess {
    const main = this.mainPid > 0 && { MAINPID: String(this.mainPid) };
    const env = jobEnvironment(this.#job, this.#manner, { INVOCATION_ID: this.#id, ...main });
    const stdin = this.#stdin !== undefined && { stdin: this.#stdin };
    const child = launch(this.#job, command, { env, expands: this.#manner.expands, ...stdin });
    if (child.pid !== undefined) this.#sessions.push(child.pid);
    return child;
  }

  /** Runs a command beside the main one. Gives whether it went well. */
  async run(command: Command): Promise<boolean> {
    return this.isWell(command, await ended(this.launch(command)));
  }

  isWell(command: Command, { code, signal }: End): boolean {
    return command.ignoreFailure || (signal === undefined && this.#job.successCodes.includes(code));
  }
}
