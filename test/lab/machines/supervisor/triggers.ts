/** Watches what starts jobs by themselves: folders and files, and time since something. */
import { existsSync, globSync, mkdirSync, readdirSync, statSync } from "node:fs";
import type { PathTrigger, TimerTrigger, Trigger } from "./job.ts";

/** The job of a trigger, as far as a trigger needs to know it. */
export interface Triggered {
  readonly busy: boolean;
  /** Milliseconds of the clock; 0: never. */
  readonly startedAt: number;
  readonly endedAt: number;
  start(): void;
}

const POLL_MS = 50;

export class Watcher {
  readonly trigger: Trigger;
  readonly #job: () => Triggered | undefined;
  readonly #activeSince = Date.now();
  readonly #seen = new Map<string, string>();
  readonly #fired = new Set<TimerTrigger>();
  readonly #timer: NodeJS.Timeout;

  constructor(trigger: Trigger, job: () => Triggered | undefined) {
    this.trigger = trigger;
    this.#job = job;
    for (const { path, kind } of trigger.paths) {
      if (trigger.makeDirectories) mkdirSync(path, { recursive: true });
      if (kind === "changed") this.#seen.set(path, markOf(path));
    }
    this.#timer = setInterval(() => {
      this.#look();
    }, POLL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const job = this.#job();
    if (job === undefined || job.busy) return;
    const due =
      this.trigger.paths.some((path) => this.#pathHolds(path)) ||
      this.trigger.timers.some((timer) => this.#timerHolds(timer, job));
    if (due) job.start();
  }

  #pathHolds({ kind, path }: PathTrigger): boolean {
    switch (kind) {
      case "exists":
        return existsSync(path);
      case "glob":
        return globSync(path).length > 0;
      case "not-empty":
        return isFilled(path);
      case "changed": {
        const mark = markOf(path);
        const changed = mark !== this.#seen.get(path);
        this.#seen.set(path, mark);
        return changed;
      }
    }
  }

  #timerHolds(timer: TimerTrigger, job: Triggered): boolean {
    const now = Date.now();
    const past = (since: number): boolean => now >= since + timer.seconds * 1000;
    if (timer.after === "start") return job.startedAt > 0 && past(job.startedAt);
    if (timer.after === "end") return job.endedAt > 0 && past(job.endedAt);
    if (this.#fired.has(timer) || !past(this.#activeSince)) return false;
    this.#fired.add(timer);
    return true;
  }
}

function isFilled(folder: string): boolean {
  try {
    return readdirSync(folder).length > 0;
  } catch {
    return false;
  }
}

function markOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? "none" : `${stat.ino} ${stat.mtimeMs} ${stat.size}`;
}
