/** The lab as a whole: machines, stand-ins, the operator, and the stack that Pulumi is run on. */
import { join } from "node:path";
import { operate, type OperateRequest } from "../engine/operate.ts";
import type { OperationName, OperationOptions, OperationResult } from "../engine/operation.ts";
import type { OnLine } from "../engine/progress.ts";
import { type Instance, type MachineName, openInstance } from "../instance.ts";
import type { Machine } from "../machines/machine.ts";
import { eraseInstance, startMachines, stopMachines } from "../machines/machines.ts";
import { preflight } from "../machines/preflight.ts";
import { furnish } from "./furnish.ts";
import { operatorSecrets, type OperatorSecrets } from "./operator.ts";
import { engineConfig, firstVars, labSettings, type Settings } from "./stack.ts";
import { startStandIns, stopStandIns, type StandIn } from "./stand-ins.ts";

/** A lab that runs. */
export interface World {
  readonly instance: Instance;
  readonly machines: Readonly<Record<MachineName, Machine>>;
  readonly standIns: Readonly<Record<StandIn, string>>;
  readonly secrets: OperatorSecrets;
  readonly settings: Settings;
}

/** What a run of Pulumi may change of the lab's own. */
export interface RunOptions {
  /** @default "lab" */
  readonly stack?: string;
  /** Settings in place of the stack's own. */
  readonly settings?: Settings;
  readonly options?: OperationOptions;
  /** Variables in place of the operator's, or none. */
  readonly env?: Readonly<Record<string, string>>;
  readonly passphrase?: string | undefined;
  readonly onLine?: OnLine;
  readonly signal?: AbortSignal;
  readonly engine?: string;
  /** In place of the project's own. */
  readonly program?: string;
}

/** Brings everything up, or finds it up. Safe to repeat, and after any interruption. */
export async function raiseWorld(id: string, onLine: OnLine, dir?: string): Promise<World> {
  await preflight(onLine);
  const instance = dir === undefined ? openInstance(id) : openInstance(id, dir);
  const secrets = operatorSecrets(instance);
  const machines = await startMachines(instance, onLine);
  const settings = await labSettings(machines);
  const standIns = await startStandIns(instance, secrets);
  await furnish(machines, secrets, firstVars(settings));
  return { instance, machines, standIns, secrets, settings };
}

/** Ends every process, mount and namespace; what the machines hold stays for the next start. */
export async function lowerWorld(instance: Instance): Promise<void> {
  await stopStandIns(instance);
  await stopMachines(instance);
}

/** Ends everything and removes what it held. */
export async function eraseWorld(instance: Instance): Promise<void> {
  await stopStandIns(instance);
  await eraseInstance(instance);
}

/** The credentials of the operator, as they stand in the environment of whoever runs Pulumi. */
export function operatorEnvironment({ standIns, secrets }: World): Record<string, string> {
  return {
    TAILSCALE_BASE_URL: standIns.tailscale,
    TAILSCALE_API_KEY: secrets.tailscaleApiKey,
    GITHUB_BASE_URL: standIns.github,
    GITHUB_TOKEN: secrets.githubToken,
    GITHUB_OWNER: "alice",
  };
}

/** Runs Pulumi, on the project's own program unless told otherwise. */
export function pulumi(world: World, operation: OperationName, run: RunOptions = {}): Promise<OperationResult> {
  const { stack = "lab", settings = world.settings, onLine = (): void => undefined } = run;
  const request: OperateRequest = {
    instance: world.instance,
    stack,
    operation,
    config: engineConfig(settings, world.secrets),
    env: { ...(run.env ?? operatorEnvironment(world)) },
    passphrase: "passphrase" in run ? run.passphrase : world.secrets.passphrase,
    onLine,
    ...(run.options && { options: run.options }),
    ...(run.signal && { signal: run.signal }),
    ...(run.engine !== undefined && { engine: run.engine }),
    ...(run.program !== undefined && { program: run.program }),
  };
  return operate(request);
}

/** Where the instance keeps what the machines' people look at. */
export function logsOf(instance: Instance): string {
  return join(instance.dir, "logs");
}
