/** The jobs and triggers of a machine, by name. */
import { existsSync, readFileSync } from "node:fs";
import { type Daemon, daemonFromPlist } from "./daemons.ts";
import { type Job, plainJob, type Trigger } from "./job.ts";
import { MANNERS, type Manner } from "./launch.ts";
import { parsePlist } from "./plist.ts";
import { type JobStatus, Runner } from "./runner.ts";
import { Watcher } from "./triggers.ts";
import { readUnit, type UnitFile } from "./unit-file.ts";
import { jobFromUnit, triggerFromUnit } from "./units.ts";

export type Flavour = keyof typeof MANNERS;

/** What a transient job is made from (systemd-run). */
export interface TransientJob {
  readonly name: string;
  readonly description: string;
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly user?: string;
  /** Files for its standard input, output and error. */
  readonly stdin?: string;
  readonly output: readonly [out: string | undefined, err: string | undefined];
}

export class Supervisor {
  readonly #manner: Manner;
  readonly #runners = new Map<string, Runner>();
  readonly #watchers = new Map<string, Watcher>();
  readonly #daemons = new Map<string, Daemon>();

  constructor(flavour: Flavour) {
    this.#manner = MANNERS[flavour];
  }

  /** Every job that was ever started, and every trigger that is on. */
  statuses(): JobStatus[] {
    return [...this.#runners.values()].map(({ status }) => status).concat(this.#watching());
  }

  #watching(): JobStatus[] {
    return [...this.#watchers.values()].map(({ trigger: { name, description } }) => ({
      ...{ name, description, state: "active" as const, result: "success", mainPid: 0, exitStatus: 0 },
      ...{ since: 0, started: 0, restarts: 0 },
    }));
  }

  /** Starts a unit. @throws Error when there is none of this name */
  async start(name: string): Promise<boolean> {
    const unit = readUnit(name);
    if (unit === undefined && !this.#runners.has(name)) throw new Error(`Unit ${name} not found.`);
    if (/\.(path|timer)$/.test(name)) {
      if (unit !== undefined && !this.#watchers.has(name)) this.watch(triggerFromUnit(name, unit));
      return true;
    }
    if (name.endsWith(".target")) return true;
    return this.#runner(name, unit).start();
  }

  async stop(name: string): Promise<void> {
    this.#watchers.get(name)?.stop();
    this.#watchers.delete(name);
    await this.#runners.get(name)?.stop();
  }

  async restart(name: string): Promise<boolean> {
    await this.stop(name);
    return this.start(name);
  }

  /** @throws Error when it does not run */
  async reload(name: string): Promise<boolean> {
    const runner = this.#runners.get(name);
    if (runner?.busy !== true) throw new Error(`${name} is not active, cannot reload.`);
    const unit = readUnit(name);
    if (unit !== undefined) runner.job = jobFromUnit(name, unit);
    return runner.reload();
  }

  kill(name: string, signal: NodeJS.Signals): void {
    this.#runners.get(name)?.kill(signal);
  }

  forgetFailures(names: readonly string[]): void {
    for (const [name, runner] of this.#runners) if (names.length === 0 || names.includes(name)) runner.forgetFailure();
  }

  /** Runs a command as a job of its own; gives how it ended. */
  async runTransient(wanted: TransientJob): Promise<JobStatus> {
    const job: Job = {
      ...plainJob(wanted.name, [{ argv: wanted.argv, ignoreFailure: false }]),
      ...{ description: wanted.description, kind: "oneshot", environment: wanted.environment, output: wanted.output },
      ...(wanted.user !== undefined && { user: wanted.user }),
    };
    const runner = new Runner(job, { ...this.#manner, expands: false });
    this.#runners.set(wanted.name, runner);
    await runner.start(wanted.stdin);
    this.#runners.delete(wanted.name);
    return runner.status;
  }

  /** The current job behind a name; its definition is read anew while it does not run. */
  #runner(name: string, unit: UnitFile | undefined): Runner {
    const runner = this.#runners.get(name);
    if (unit === undefined && runner !== undefined) return runner;
    if (unit === undefined) throw new Error(`Unit ${name} not found.`);
    const job = jobFromUnit(name, unit);
    if (runner === undefined) {
      const made = new Runner(job, this.#manner);
      this.#runners.set(name, made);
      return made;
    }
    if (!runner.busy) runner.job = job;
    return runner;
  }

  /** Turns a trigger on. A trigger starts its job as it is defined at that moment. */
  watch(trigger: Trigger): void {
    this.#watchers.set(
      trigger.name,
      new Watcher(trigger, () => {
        const runner = this.#runners.get(trigger.job);
        const start = (): void => {
          void (this.#daemons.has(trigger.job) ? runner?.start() : this.start(trigger.job).catch(() => false));
        };
        const started = runner?.status.started ?? 0;
        return { busy: runner?.busy ?? false, startedAt: started, endedAt: runner?.endedAt ?? 0, start };
      }),
    );
  }

  /** Loads a launchd daemon from its property list. @throws Error when it is loaded, or the list is wrong */
  async bootstrap(path: string): Promise<string> {
    if (!existsSync(path)) throw new Error(`Bootstrap failed: 2: No such file or directory (${path})`);
    const daemon = daemonFromPlist(parsePlist(readFileSync(path, "utf8")));
    const { name } = daemon.job;
    if (this.#daemons.has(name)) throw new Error("Bootstrap failed: 5: Input/output error (it is loaded already)");
    this.#daemons.set(name, daemon);
    this.#runners.set(name, new Runner(daemon.job, this.#manner));
    if (daemon.trigger !== undefined) this.watch(daemon.trigger);
    if (daemon.runAtLoad && !daemon.disabled) await this.#runners.get(name)?.start();
    return name;
  }

  /** @throws Error when there is no such daemon */
  async bootout(label: string): Promise<void> {
    if (!this.#daemons.has(label)) throw new Error("Boot-out failed: 3: No such process");
    await this.stop(label);
    this.#daemons.delete(label);
    this.#runners.delete(label);
  }

  /** Starts a loaded daemon now. @param kill ends the one that runs first @throws Error when there is no such daemon */
  async kickstart(label: string, kill: boolean): Promise<void> {
    const runner = this.#runners.get(label);
    if (runner === undefined || !this.#daemons.has(label)) {
      throw new Error(`Could not find service "${label}" in domain for system`);
    }
    if (kill) await runner.stop();
    await runner.start();
  }
}
