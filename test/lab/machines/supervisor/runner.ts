/** One job's life: started, watched, started again by its policy, stopped with everything that it started. */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Job } from "./job.ts";
import { type End, Invocation } from "./invocation.ts";
import { ended, logFile, LOG_FOLDER, type Manner, prepareFolders } from "./launch.ts";
import { lives, signalAll, untilEnded } from "./process-tree.ts";

export type ActiveState = "inactive" | "activating" | "active" | "deactivating" | "failed";

/** What can be asked of a job. Times are milliseconds of the clock; 0: never. */
export interface JobStatus {
  readonly name: string;
  readonly description: string;
  readonly state: ActiveState;
  /** systemd's word for how it ended: success, exit-code, signal, start-limit-hit, resources. */
  readonly result: string;
  readonly mainPid: number;
  readonly exitStatus: number;
  readonly since: number;
  readonly started: number;
  readonly restarts: number;
}

/** Signals that count as a clean end. Source: systemd.service(5), SuccessExitStatus=. */
const CLEAN_SIGNALS: readonly string[] = ["SIGHUP", "SIGINT", "SIGTERM", "SIGPIPE"];

export class Runner {
  job: Job;
  readonly #manner: Manner;
  #state: ActiveState = "inactive";
  #result = "success";
  #exitStatus = 0;
  #since = 0;
  #started = 0;
  #restarts = 0;
  #invocation: Invocation;
  #starts: number[] = [];
  /** The run that is on its way: a start that others wait for too. */
  #starting: Promise<boolean> | undefined;
  #stdin: string | undefined;
  /** Counts starts and stops, so that what an earlier run left behind does not act on a later one. */
  #turn = 0;

  constructor(job: Job, manner: Manner) {
    this.job = job;
    this.#manner = manner;
    this.#invocation = new Invocation(job, manner);
  }

  get status(): JobStatus {
    const { name, description } = this.job;
    return {
      ...{ name, description, state: this.#state, result: this.#result, mainPid: this.#invocation.mainPid },
      ...{ exitStatus: this.#exitStatus, since: this.#since, started: this.#started, restarts: this.#restarts },
    };
  }

  get busy(): boolean {
    return this.#state !== "inactive" && this.#state !== "failed";
  }

  /** When it last ended, for timers; 0 while it runs or when it never did. */
  get endedAt(): number {
    return this.busy ? 0 : this.#since;
  }

  /** Starts it, or waits for the start that is on its way. Gives whether it is well. */
  async start(stdin?: string): Promise<boolean> {
    if (this.#starting !== undefined) return this.#starting;
    if (this.#state === "active") return true;
    this.#stdin = stdin;
    this.#starting = this.#run();
    try {
      return await this.#starting;
    } finally {
      this.#starting = undefined;
    }
  }

  async stop(): Promise<void> {
    if (!this.busy) return;
    this.#turn += 1;
    this.#enter("deactivating");
    const invocation = this.#invocation;
    for (const command of this.job.stop) await invocation.run(command);
    const tree = (): number[] => invocation.stoppable();
    signalAll(tree(), this.job.killSignal);
    if (!(await untilEnded(tree, this.job.stopSeconds))) {
      signalAll(tree(), "SIGKILL");
      await untilEnded(tree, 10);
    }
    for (const command of this.job.stopped) await invocation.run(command);
    invocation.mainPid = 0;
    this.#enter("inactive");
  }

  async reload(): Promise<boolean> {
    for (const command of this.job.reload) if (!(await this.#invocation.run(command))) return false;
    return true;
  }

  forgetFailure(): void {
    this.#starts = [];
    if (this.#state === "failed") this.#enter("inactive");
  }

  kill(signal: NodeJS.Signals): void {
    signalAll(this.#invocation.stoppable(), signal);
  }

  #enter(state: ActiveState, result?: string): void {
    this.#state = state;
    this.#since = Date.now();
    if (result !== undefined) this.#result = result;
  }

  note(text: string): void {
    mkdirSync(LOG_FOLDER, { recursive: true });
    appendFileSync(logFile(this.job.name), `${text}\n`);
  }

  async #run(): Promise<boolean> {
    const turn = (this.#turn += 1);
    if (!this.job.conditions.every(holds)) {
      this.note(`${this.job.name}: skipped, a condition does not hold`);
      return true;
    }
    if (!(await this.#mayStart(turn))) return false;
    const invocation = new Invocation(this.job, this.#manner, this.#stdin);
    this.#invocation = invocation;
    this.#started = Date.now();
    this.#enter("activating");
    try {
      prepareFolders(this.job);
      for (const command of this.job.before) if (!(await invocation.run(command))) return this.#fail("exit-code");
      return this.job.kind === "oneshot" ? await this.#runOnce(turn) : await this.#runOn(turn);
    } catch (error) {
      this.note(`${this.job.name}: ${error instanceof Error ? error.message : String(error)}`);
      return this.#fail("resources");
    }
  }

  /** The start limit, and launchd's throttle. */
  async #mayStart(turn: number): Promise<boolean> {
    const [burst, seconds] = this.job.startLimit;
    const wait = this.#started + this.job.throttleSeconds * 1000 - Date.now();
    if (this.#started > 0 && wait > 0) await sleep(wait);
    if (turn !== this.#turn) return false;
    this.#starts = this.#starts.filter((at) => at > Date.now() - seconds * 1000);
    if (burst > 0 && this.#starts.length >= burst) {
      this.note(`${this.job.name}: start request repeated too quickly`);
      return this.#fail("start-limit-hit");
    }
    this.#starts.push(Date.now());
    return true;
  }

  #fail(result: string): false {
    this.note(`${this.job.name}: failed with result '${result}'`);
    this.#invocation.sweep();
    this.#invocation.mainPid = 0;
    this.#enter("failed", result);
    return false;
  }

  async #runOnce(turn: number): Promise<boolean> {
    const invocation = this.#invocation;
    for (const command of [...this.job.main, ...this.job.after]) {
      const child = invocation.launch(command);
      invocation.mainPid = child.pid ?? 0;
      const end = await ended(child);
      this.#exitStatus = end.code;
      if (turn !== this.#turn) return false;
      if (!invocation.isWell(command, end)) return this.#fail(end.signal === undefined ? "exit-code" : "signal");
    }
    invocation.mainPid = 0;
    if (!this.job.remainAfterExit) invocation.sweep();
    this.#enter(this.job.remainAfterExit ? "active" : "inactive", "success");
    return true;
  }

  async #runOn(turn: number): Promise<boolean> {
    const [command] = this.job.main;
    if (command === undefined) throw new Error("found no command to run");
    const invocation = this.#invocation;
    const child = invocation.launch(command);
    invocation.mainPid = child.pid ?? 0;
    const end = ended(child);
    if (this.job.kind === "forking") {
      const { code } = await end;
      if (code !== 0) return this.#fail("exit-code");
      invocation.mainPid = await this.#forkedPid();
      void this.#watchForked(turn);
    } else {
      void end.then((how) => this.#onEnd(turn, how));
      if (this.job.kind === "exec") await Promise.race([end, sleep(150)]);
    }
    if (turn !== this.#turn || this.#hasFailed()) return false;
    if (this.#state === "activating") this.#enter("active", "success");
    for (const after of this.job.after) if (!(await invocation.run(after))) return this.#fail("exit-code");
    return true;
  }

  #hasFailed(): boolean {
    return this.#state === "failed";
  }

  async #forkedPid(): Promise<number> {
    const { pidFile } = this.job;
    for (let tries = 0; pidFile !== undefined && tries < 50; tries += 1) {
      if (existsSync(pidFile)) return Number(readFileSync(pidFile, "utf8").trim());
      await sleep(20);
    }
    return this.#invocation.processes()[0] ?? 0;
  }

  async #watchForked(turn: number): Promise<void> {
    while (lives(this.#invocation.mainPid)) await sleep(100);
    await this.#onEnd(turn, { code: 0, signal: undefined });
  }

  async #onEnd(turn: number, { code, signal }: End): Promise<void> {
    if (turn !== this.#turn) return;
    this.#exitStatus = code;
    const well = signal === undefined ? this.job.successCodes.includes(code) : CLEAN_SIGNALS.includes(signal);
    const result = well ? "success" : signal === undefined ? "exit-code" : "signal";
    if (!well) this.note(`${this.job.name}: ended (${signal ?? `status ${code}`})`);
    for (const command of this.job.stopped) await this.#invocation.run(command);
    this.#invocation.sweep();
    this.#invocation.mainPid = 0;
    this.#enter(well ? "inactive" : "failed", result);
    const again = { no: false, always: true, "on-success": well, "on-failure": !well }[this.job.restart];
    if (!again) return;
    await sleep(this.job.restartSeconds * 1000);
    if (turn !== this.#turn) return;
    this.#restarts += 1;
    await this.start(this.#stdin);
  }
}

/** ConditionPathExists: "!" in front turns it round, "|" is taken off. */
function holds(condition: string): boolean {
  const [, marks = "", path = ""] = /^([|!]*)(.*)$/.exec(condition) ?? [];
  return existsSync(path) !== marks.includes("!");
}
