/** What a check comes to. */
export type Level = "ok" | "warning" | "failure" | "skipped";

/** A check's answer: one line for a person. */
export interface Verdict {
  /** `skipped`: an earlier hop failed, or this can't be found out here; `found` says which. */
  readonly level: Level;
  /** What was found, as a clause without a full stop. */
  readonly found: string;
  /** The command that mends it, or what a person must do where no command can. Absent only where all is well. */
  readonly mend?: string;
}

/** A verdict under its check's name. */
export interface Finding extends Verdict {
  readonly check: string;
}

/** All is well. */
export function ok(found: string): Verdict {
  return { level: "ok", found };
}

/** It works, and will not for long, or not as well as it should. */
export function warning(found: string, mend: string): Verdict {
  return { level: "warning", found, mend };
}

/** It does not work. */
export function failure(found: string, mend: string): Verdict {
  return { level: "failure", found, mend };
}

/** It could not be looked at. */
export function skipped(found: string): Verdict {
  return { level: "skipped", found };
}
