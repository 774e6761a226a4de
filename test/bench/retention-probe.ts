/** Makes one plan and says what it took: `retention-probe.ts DATABASE ROOTS NOW`. */
import { graphFromDatabase } from "../../nix/cachectl/retain/graph-database.ts";
import { readOwnRoots } from "../../nix/cachectl/retain/own-roots.ts";
import { survey } from "../../nix/cachectl/retain/survey.ts";

const [database = "", roots = "", now = "0"] = process.argv.slice(2);
const begun = performance.now();
const context = { machines: [], incomingDays: 7 };
// Half of what there is: the plan has to decide.
const settings = { ...context, budgetBytes: 54e9, minFreeBytes: 0, keepSystems: 5, keepPackages: 3, keepDays: 30 };
const found = await survey({
  settings,
  readRoots: () => Promise.resolve(readOwnRoots(roots, context)),
  readGraph: () => Promise.resolve(graphFromDatabase(database, { derivations: true, outputs: false })),
  beingRead: () => new Set(),
  freeBytes: () => 1e12,
  now: () => Number(now),
});
const seconds = (performance.now() - begun) / 1000;
const { userCPUTime, systemCPUTime } = process.resourceUsage();
const processor = (userCPUTime + systemCPUTime) / 1e6;
const mebibytes = process.resourceUsage().maxRSS / 1024;
const { evicted, kept, keptBytes, storeBytes } = found.summary;
process.stdout.write(
  JSON.stringify({
    seconds,
    processor,
    mebibytes,
    paths: found.graph.size,
    rootCount: found.roots.length,
    evicted,
    kept,
    keptBytes,
    storeBytes,
  }),
);
