/** Everything that is broken on the lab's machines, one after the other. */
import type { Breakage } from "./breakage.ts";
import { buildingBreakages } from "./building.ts";
import { jobBreakages } from "./jobs.ts";
import { nixBreakages } from "./nix.ts";
import { serverBreakages } from "./server.ts";
import { servingBreakages } from "./serving.ts";
import { tailnetBreakages } from "./tailnet.ts";

export const breakages: readonly Breakage[] = [
  ...tailnetBreakages,
  ...servingBreakages,
  ...nixBreakages,
  ...buildingBreakages,
  ...serverBreakages,
  ...jobBreakages,
];
