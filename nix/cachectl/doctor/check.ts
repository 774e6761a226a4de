import type { Verdict } from "./finding.ts";
import type { Machine, Role } from "./machine.ts";

/** One thing that can be wrong, with what is looked at: a machine, or something else that has a doctor. */
export interface Diagnosable<Context> {
  /** As it is shown and as `needs` names it: lower case, hyphens. */
  readonly name: string;
  /** Checks whose failure makes this one pointless: it is then skipped, and says why. @default none */
  readonly needs?: readonly string[];
  /** Milliseconds. @default 5000 */
  readonly timeout?: number;
  /** Looks and judges. What it throws becomes a failure of this check. */
  run(context: Context, stop: AbortSignal): Promise<Verdict> | Verdict;
}

/** One thing that can be wrong with a machine. */
export interface Check extends Diagnosable<Machine> {
  /** Machines on which it means something. */
  readonly roles: readonly Role[];
}

export const everywhere: readonly Role[] = ["server", "builder", "client"];
