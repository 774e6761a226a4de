/** Everything that is broken of what the lab's stack needs outside its machines, one after the other. */
import type { StackBreakage } from "./stack-breakage.ts";
import { githubBreakages } from "./stack-github.ts";
import { ownBreakages } from "./stack-own.ts";
import { serverBreakages } from "./stack-server.ts";
import { tailnetBreakages } from "./stack-tailnet.ts";
import { updateBreakages } from "./stack-updates.ts";

export const stackBreakages: readonly StackBreakage[] = [
  ...ownBreakages,
  ...updateBreakages,
  ...tailnetBreakages,
  ...githubBreakages,
  ...serverBreakages,
];
