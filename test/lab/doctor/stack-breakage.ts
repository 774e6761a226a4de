/** One thing that is broken of what the stack needs outside its machines, and the small ways to break such things. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import type { Finding, Level } from "../../../nix/cachectl/doctor/finding.ts";
import type { DoctorReport } from "../../../nix/cachectl/doctor/report.ts";
import { engineFolders } from "../engine/environment.ts";
import { asOperator, pulumiCommand } from "../world/operator-commands.ts";
import { REPOSITORY } from "../world/stand-ins.ts";
import type { World } from "../world/world.ts";
import type { Change } from "./breakage.ts";

/** What is broken, and what `npm run doctor` must say. */
export interface StackBreakage extends Change {
  readonly what: string;
  readonly check: string;
  /** @default "failure" */
  readonly level?: Level;
  readonly says: RegExp;
  /** In place of the operator's own. */
  readonly env?: Readonly<Record<string, string>>;
  /** @default "lab" */
  readonly stack?: string;
  /** Checks that rightly fail by the same cause. */
  readonly also?: readonly string[];
}

/** A stack that was made, with so much of the lab's configuration. */
export function fresh(stack: string, withConfig: boolean): Change {
  return {
    breaks: async (world) => {
      await pulumiCommand(world, ["stack", "init", stack]);
      const { work } = engineFolders(world.instance.dir);
      const [from, to] = [join(work, "Pulumi.lab.yaml"), join(work, `Pulumi.${stack}.yaml`)];
      if (withConfig)
        writeFileSync(to, readFileSync(from, "utf8").replace(/^encryptionsalt:.*\n|^.*secure:.*\n/gm, ""));
    },
    mends: (world) => pulumiCommand(world, ["stack", "rm", stack, "--yes", "--force"]),
  };
}

/** The findings of the checks named, and of those that they need; of all of them without a name. */
export async function stackDoctor(
  world: World,
  names: readonly string[] = [],
  { env = {}, stack = "lab" }: Pick<StackBreakage, "env" | "stack"> = {},
): Promise<readonly Finding[]> {
  const program = [process.execPath, join(process.cwd(), "scripts/doctor.ts")];
  const { stdout, stderr } = await asOperator(world, [...program, "--stack", stack, "--json", ...names], env);
  if (stdout === "") throw new Error(stderr);
  return (JSON.parse(stdout) as DoctorReport).findings;
}

type Values = Record<string, unknown>;

/** A stack's configuration that says something else for a while. Keys are without the project's name. */
export function configured(change: (config: Values) => Values, stack = "lab"): Change {
  let before = "";
  const fileOf = ({ instance }: World): string => join(engineFolders(instance.dir).work, `Pulumi.${stack}.yaml`);
  return {
    breaks: (world) => {
      before = readFileSync(fileOf(world), "utf8");
      const file = parse(before) as { readonly config: Values };
      const config = mapKeys(change(mapKeys(file.config, (key) => key.replace(PREFIX, ""))), (key) => PREFIX + key);
      writeFileSync(fileOf(world), stringify({ ...file, config }));
      return Promise.resolve();
    },
    mends: (world) => {
      writeFileSync(fileOf(world), before);
      return Promise.resolve();
    },
  };
}

const PREFIX = "nix-binary-cache:";

function mapKeys(values: Values, change: (key: string) => string): Values {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [change(key), value]));
}

/** The server's settings with other members. */
export const serverSetting = (fields: object): Change =>
  configured((config) => ({ ...config, server: { ...(config.server as object), ...fields } }));

/** Asks a stand-in as its administrator does. @throws Error when the answer is not 2xx */
async function call(authorization: string, method: string, url: string, body?: object): Promise<Values> {
  const response = await fetch(url, {
    method,
    headers: { authorization, "content-type": "application/json", accept: "application/json" },
    ...(body && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${text}`);
  return text === "" ? {} : (JSON.parse(text) as Values);
}

export function tailscale(world: World, method: string, path: string, body?: object): Promise<Values> {
  const { secrets, standIns } = world;
  return call(`Bearer ${secrets.tailscaleApiKey}`, method, `${standIns.tailscale}/api/v2/${path}`, body);
}

/** GitHub's answer to the operator about the lab's repository. */
export function github({ standIns, secrets }: World, method: string, path: string, body?: object): Promise<Values> {
  return call(`Bearer ${secrets.githubToken}`, method, `${standIns.github}api/v3/repos/${REPOSITORY}/${path}`, body);
}

/** What the stand-in of GitHub answers otherwise than it would. */
export interface Fault {
  readonly method: string;
  /** A regular expression. */
  readonly path: string;
  readonly status: number;
  readonly times: number;
  readonly delayMs?: number;
}

export function githubFaults({ standIns, secrets }: World, faults: readonly Fault[]): Promise<Values> {
  return call(`Bearer ${secrets.githubToken}`, "PUT", `${standIns.github}lab/faults`, { faults });
}
