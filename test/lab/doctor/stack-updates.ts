/** Breakages of the stack's updates: never begun, failed, under way, cut off. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { engineFolders } from "../engine/environment.ts";
import { mustSucceed } from "../job/told.ts";
import { pulumiCommand } from "../world/operator-commands.ts";
import { operatorEnvironment, pulumi, type World } from "../world/world.ts";
import type { Change } from "./breakage.ts";
import { fresh, github, githubFaults, type StackBreakage } from "./stack-breakage.ts";

const SECRET = "environments/nix-cache/secrets/NIX_CACHE_SIGNING_KEY";

const stateOf = ({ instance }: World): string => join(engineFolders(instance.dir).state, ".pulumi");

const locksOf = (world: World): string => join(stateOf(world), "locks/organization/nix-binary-cache/lab");

/** The lock of an engine that runs on another machine. */
const lockedElsewhere: Change = {
  breaks: (world) => {
    const lock = { pid: 1, username: "alice", hostname: "elsewhere", timestamp: new Date().toISOString() };
    mkdirSync(locksOf(world), { recursive: true });
    writeFileSync(join(locksOf(world), "elsewhere.json"), JSON.stringify(lock));
    return Promise.resolve();
  },
  mends: (world) => cancelled(world),
};

/** Pulumi Cloud's history has an update before its end; a folder's is told that its last one is. */
const inHistory: Change = {
  breaks: (world) => changeLastUpdate(world, "in-progress"),
  mends: (world) => changeLastUpdate(world, "succeeded"),
};

function changeLastUpdate(world: World, result: string): Promise<void> {
  const folder = join(stateOf(world), "history/nix-binary-cache/lab");
  const names = readdirSync(folder).filter((name) => name.endsWith(".history.json"));
  const last = join(folder, names.sort().at(-1) ?? "");
  writeFileSync(last, JSON.stringify({ ...(JSON.parse(readFileSync(last, "utf8")) as object), result }));
  return Promise.resolve();
}

/** The engine's process, by the lock that it holds, once it is in the middle of a resource. */
async function inTheMiddle(world: World): Promise<number> {
  const locks = locksOf(world);
  const checkpoint = join(stateOf(world), "stacks/nix-binary-cache/lab.json");
  for (let tries = 0; tries < 600; tries++) {
    const [lock] = existsSync(locks) ? readdirSync(locks) : [];
    if (lock !== undefined && /"pending_operations": *\[\s*\{/.test(readFileSync(checkpoint, "utf8")))
      return (JSON.parse(readFileSync(join(locks, lock), "utf8")) as { readonly pid: number }).pid;
    await sleep(50);
  }
  throw new Error("the update was never in the middle of a resource");
}

/** An update that makes a secret anew, which GitHub takes so long to answer. */
async function slowUpdate(world: World, delayMs: number): Promise<{ readonly ended: Promise<unknown>; pid: number }> {
  await github(world, "DELETE", SECRET);
  await githubFaults(world, [{ method: "PUT", path: "NIX_CACHE_SIGNING_KEY", status: 500, times: 1, delayMs }]);
  const ended = pulumi(world, "up", { options: { refresh: true } });
  return { ended, pid: await inTheMiddle(world) };
}

async function killed(world: World): Promise<void> {
  const { ended, pid } = await slowUpdate(world, 60_000);
  process.kill(pid, "SIGKILL");
  await ended;
}

/** What the doctor says mends it, as it says it. */
async function repaired(world: World): Promise<void> {
  await githubFaults(world, []);
  await pulumiCommand(world, ["refresh", "--clear-pending-creates", "--stack", "lab", "--yes", "--skip-preview"]);
  mustSucceed(await pulumi(world, "up"));
}

const cancelled = (world: World): Promise<string> => pulumiCommand(world, ["cancel", "--stack", "lab", "--yes"]);

let running: Promise<unknown> = Promise.resolve();

export const updateBreakages: readonly StackBreakage[] = [
  {
    ...{ what: "a stack that was never put up", check: "update", stack: "unborn", says: /was never put up/ },
    ...fresh("unborn", true),
  },
  {
    what: "an update that failed",
    breaks: (world) => pulumi(world, "up", { env: { ...operatorEnvironment(world), GITHUB_TOKEN: "ghp_gone" } }),
    mends: (world) => pulumi(world, "up"),
    ...{ check: "update", says: /the last update ended as "failed"/ },
  },
  {
    what: "an update that is under way",
    breaks: async (world) => ({ ended: running } = await slowUpdate(world, 12_000)),
    mends: async (world) => {
      await running;
      mustSucceed(await pulumi(world, "up"));
    },
    ...{ check: "update", level: "warning", says: /an update is under way \(root@/ },
  },
  {
    ...{ what: "an update that Pulumi Cloud says is in progress", ...inHistory, check: "update", level: "warning" },
    says: /^an update is under way, or was cut off$/,
  },
  {
    ...{ what: "an update of somebody on another machine", ...lockedElsewhere, check: "update", level: "warning" },
    says: /an update began and has not ended \(alice@elsewhere, process 1/,
  },
  {
    what: "an update that was killed",
    breaks: killed,
    mends: (world) => cancelled(world).then(() => repaired(world)),
    ...{ check: "update", level: "warning", says: /was cut off, and its lock keeps others from beginning/ },
  },
  {
    what: "an update that was killed, its lock taken away",
    breaks: (world) => killed(world).then(() => cancelled(world)),
    mends: repaired,
    ...{ check: "update", level: "warning", says: /cut off while 1 resource changed: (?:creat|updat)ing / },
  },
];
