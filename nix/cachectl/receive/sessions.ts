import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import type { Limits } from "./limits.ts";
import { Refusal } from "./refusal.ts";

/** `.session-PID-XXXXXX`: no store path's base name begins with a dot. */
const sessionForm = /^\.session-(\d+)-/;

/** The process that a session's folder belongs to; undefined for the name of anything else. */
export function sessionProcess(name: string): number | undefined {
  const pid = sessionForm.exec(name)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

/** Whether a process is there, whoever it belongs to. */
export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/**
 * Opens a session in a builder's `incoming`, having removed those whose receiver was killed. Throws a Refusal when the
 * builder has too many open.
 */
export function openSession(incoming: string, { maxSessions }: Pick<Limits, "maxSessions">): SessionRoots {
  mkdirSync(incoming, { recursive: true, mode: 0o755 });
  let open = 0;
  for (const name of readdirSync(incoming)) {
    const pid = sessionProcess(name);
    if (pid === undefined) continue;
    if (isRunning(pid)) open += 1;
    else rmSync(join(incoming, name), { recursive: true, force: true });
  }
  if (open >= maxSessions) throw new Refusal("limit", `${open} sessions are open, a builder may have ${maxSessions}`);
  return new SessionRoots(mkdtempSync(join(incoming, `.session-${process.pid}-`)));
}

/** Roots that last as long as one session. */
export class SessionRoots {
  readonly #directory: string;
  readonly #held = new Set<string>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Makes a root for a path, whether it is valid yet or not. */
  hold(path: string): void {
    const name = basename(path);
    if (this.#held.has(name)) return;
    symlinkSync(path, join(this.#directory, name));
    this.#held.add(name);
  }

  /** Removes them all. */
  close(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
