/** Breakages of the stack itself: its configuration, its secrets, its outputs. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { engineFolders } from "../engine/environment.ts";
import type { OperationName } from "../engine/operation.ts";
import { mustSucceed } from "../job/told.ts";
import { pulumi, type World } from "../world/world.ts";
import { both, type Change, unchanged } from "./breakage.ts";
import { configured, fresh, type StackBreakage } from "./stack-breakage.ts";

const EMPTY_PROGRAM = join(import.meta.dirname, "../engine/empty-program.ts");

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
  mustSucceed(await pulumi(world, operation, { stack: "other", program: EMPTY_PROGRAM }));
}

const other: Change = { breaks: (world) => anotherProgram(world, "up"), mends: () => Promise.resolve() };
const destroyed: Change = { breaks: (world) => anotherProgram(world, "destroy"), mends: () => Promise.resolve() };

const pulumiBreakages: readonly StackBreakage[] = [
  { what: "no such stack", check: "pulumi", says: /no stack named/, stack: "nowhere", ...unchanged },
  {
    ...{ what: "a stack without settings", check: "pulumi", stack: "bare", ...fresh("bare", false) },
    says: /stack bare has no settings of this program/,
  },
  {
    ...{ what: "Pulumi is not installed", check: "pulumi", env: { PATH: "/nowhere" }, ...unchanged },
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
    ...{ what: "another passphrase", check: "secrets", env: { PULUMI_CONFIG_PASSPHRASE: "wrong" }, ...unchanged },
    says: /the secrets can't be decrypted: .*incorrect passphrase/,
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

export const ownBreakages: readonly StackBreakage[] = [...pulumiBreakages, ...outputBreakages];
