import type { Verdict } from "./finding.ts";
import type { Machine, Role } from "./machine.ts";

/** One thing that can be wrong. */
export interface Check {
  /** As it is shown and as `needs` names it: lower case, hyphens. */
  readonly name: string;
  /** Machines on which it means something. */
  readonly roles: readonly Role[];
  /** Checks whose failure makes this one pointless: it is then skipped, and says why. @default none */
  readonly needs?: readonly string[];
  /** Milliseconds. @default 5000 */
  readonly timeout?: number;
  /** Looks and judges. What it throws becomes a failure of this check. */
  run(machine: Machine, stop: AbortSignal): Promise<Verdict> | Verdict;
}

export const everywhere: readonly Role[] = ["server", "builder", "client"];
