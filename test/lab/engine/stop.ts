/** Cancels an operation's process: on a signal, on request, or when it takes too long. */
import type { ChildProcess } from "node:child_process";

/** Time between asking an operation to stop and ending it, in milliseconds. */
const GRACE_MS = 30_000;

/** What cancels it. */
interface Limits {
  /** Default: an hour. */
  timeoutSeconds?: number;
  signal?: AbortSignal;
}

/** Ends a child: asks with SIGINT, and kills its whole group when that takes too long. */
export class Stop {
  /** Why it was asked to end; undefined when it was not. */
  reason: string | undefined;
  readonly #child: ChildProcess;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #listeners: [NodeJS.Signals, () => void][] = [];
  #raise: NodeJS.Signals | undefined;

  constructor(child: ChildProcess, operation: string, { timeoutSeconds = 3600, signal }: Limits) {
    this.#child = child;
    const tooLong = `${operation} took longer than ${timeoutSeconds} s and was cancelled`;
    this.#timers.push(setTimeout(() => this.#ask(tooLong), timeoutSeconds * 1000));
    signal?.addEventListener("abort", () => this.#ask(`${operation} was cancelled`), { once: true });
    for (const name of ["SIGINT", "SIGTERM"] as const) {
      // Without our listener the signal would have ended this process; it still shall, once the child is gone.
      const only = process.listenerCount(name) === 0;
      const listener = (): void => {
        if (only) this.#raise = name;
        this.#ask(`${operation} was interrupted`);
      };
      process.on(name, listener);
      this.#listeners.push([name, listener]);
    }
  }

  #ask(reason: string): void {
    if (this.reason !== undefined) return;
    this.reason = reason;
    this.#child.kill("SIGINT");
    this.#timers.push(setTimeout(() => this.#killGroup(), GRACE_MS));
  }

  #killGroup(): void {
    if (this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, "SIGKILL");
    } catch {
      // The group is gone already.
    }
  }

  /** Takes the listeners off; ends this process where the signal would have. */
  done(): void {
    this.#timers.forEach(clearTimeout);
    for (const [name, listener] of this.#listeners) process.off(name, listener);
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#killGroup();
    if (this.#raise !== undefined) process.kill(process.pid, this.#raise);
  }
}
