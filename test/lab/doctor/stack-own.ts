/** Breakages of the stack itself: its configuration, its secrets, its updates, its outputs. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { engineFolders } from "../engine/environment.ts";
import { operate } from "../engine/operate.ts";
import type { OperationName } from "../engine/operation.ts";
import { mustSucceed } from "../job/told.ts";
import { engineConfig } from "../world/stack.ts";
import { operatorEnvironment, pulumi, type World } from "../world/world.ts";
import { both, type Change, unchanged } from "./breakage.ts";
import { configured, github, githubFaults, pulumiCommand, type StackBreakage } from "./stack-breakage.ts";

const SECRET = "environments/nix-cache/secrets/NIX_CACHE_SIGNING_KEY";
const STEPS = join(import.meta.dirname, "../engine");

/** The committed facts. */
function facts(text: string): Change {
  const folder = ({ instance }: World): string => join(engineFolders(instance.dir).work, "nix");
  return {
    breaks: (world) => {
      mkdirSync(join(folder(world), "vars"), { recursive: true });
      writeFileSync(join(folder(world), "vars", "lab.json"), text);
      return Promise.resolve();
    },
    mends: (world) => {
      rmSync(folder(world), { recursive: true });
      return Promise.resolve();
    },
  };
}

/** A stack with the lab's configuration that another program was put up from: it has none of this one's outputs. */
async function anotherProgram(world: World, operation: OperationName): Promise<void> {
  const { instance, settings, secrets } = world;
  const program = join(STEPS, "empty-program.ts");
  const request = { instance, stack: "other", operation, program, passphrase: secrets.passphrase };
  const config = engineConfig(settings, secrets);
  const onLine = (): void => undefined;
  mustSucceed(await operate({ ...request, config, env: operatorEnvironment(world), onLine }));
}

const other: Change = { breaks: (world) => anotherProgram(world, "up"), mends: () => Promise.resolve() };
const destroyed: Change = { breaks: (world) => anotherProgram(world, "destroy"), mends: () => Promise.resolve() };

/** A stack that was made, with so much of the lab's configuration. */
function fresh(stack: string, withConfig: boolean): Change {
  return {
    breaks: async (world) => {
      await pulumiCommand(world, "stack", "init", stack);
      const { work } = engineFolders(world.instance.dir);
      const [from, to] = [join(work, "Pulumi.lab.yaml"), join(work, `Pulumi.${stack}.yaml`)];
      if (withConfig)
        writeFileSync(to, readFileSync(from, "utf8").replace(/^encryptionsalt:.*\n|^.*secure:.*\n/gm, ""));
    },
    mends: (world) => pulumiCommand(world, "stack", "rm", stack, "--yes", "--force"),
  };
}

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
  await pulumiCommand(world, "refresh", "--clear-pending-creates", "--stack", "lab", "--yes", "--skip-preview");
  mustSucceed(await pulumi(world, "up"));
}

const cancelled = (world: World): Promise<string> => pulumiCommand(world, "cancel", "--stack", "lab", "--yes");

let running: Promise<unknown> = Promise.resolve();

const pulumiBreakages: readonly StackBreakage[] = [
  { what: "no such stack", check: "pulumi", says: /no stack named/, stack: "nowhere", ...unchanged },
  {
    ...{ what: "a stack without settings", check: "pulumi", stack: "bare", ...fresh("bare", false) },
    says: /stack bare has no settings of this program/,
  },
  {
    ...{ what: "Pulumi is not installed", check: "pulumi", env: { PATH: "/usr/bin:/bin" }, ...unchanged },
    says: /pulumi.*can't be run|ENOENT/,
  },
  {
    ...{ what: "a setting that is none", check: "config", says: /1 problem\(s\):.* retention\.keepDays/ },
    ...configured((config) => ({ ...config, retention: { keepDays: 0 } })),
  },
  {
    ...{ what: "a secret that is missing", check: "config", says: /ciSigningKey/ },
    ...configured((config) => ({ ...config, ciSigningKey: undefined })),
  },
  {
    ...{
      what: "a secret in plain text",
      check: "secrets",
      says: /deployKey stands in the configuration as plain text/,
    },
    ...configured((config) => ({ ...config, deployKey: "x" })),
  },
];

const updateBreakages: readonly StackBreakage[] = [
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

const outputBreakages: readonly StackBreakage[] = [
  {
    what: "facts that are not committed",
    check: "nix-vars",
    level: "warning",
    says: /lab\.json is not there/,
    ...unchanged,
  },
  {
    ...{
      what: "facts that are not the stack's",
      check: "nix-vars",
      level: "warning",
      says: /is not what the stack says/,
    },
    ...facts('{"stack": "lab"}'),
  },
  { what: "no facts of another program", check: "nix-vars", stack: "other", says: /no output nixVars/, ...other },
  { what: "no address of another program", check: "cache", stack: "other", says: /no output cacheUrl/, ...unchanged },
  {
    what: "no workflow of another program",
    check: "workflow",
    stack: "other",
    says: /no output ciWorkflow/,
    ...unchanged,
  },
  {
    what: "a stack that was destroyed",
    check: "update",
    stack: "other",
    says: /was destroyed/,
    ...both(other, destroyed),
  },
];

export const ownBreakages: readonly StackBreakage[] = [...pulumiBreakages, ...updateBreakages, ...outputBreakages];
