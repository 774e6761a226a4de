/**
 * What the program has to know before it declares anything: the tailnet's policy as it is, what the server would do,
 * the repository, and which builders are awake. Asked all at once; what is wrong is told in one message, and in the
 * preview, before anything is changed.
 */
import * as pulumi from "@pulumi/pulumi";
import { inspectServer, type Inspection } from "./cache-server/index.ts";
import { type CiPlan, prepareCi } from "./ci-publisher/index.ts";
import type { LoadedConfig, StackConfig } from "./config.ts";
import { machinesOf } from "./client-settings/index.ts";
import {
  addressesOf,
  askClients,
  checkConfirmed,
  checkRetirement,
  type Reader,
  retiredKeys,
  toldKeys,
} from "./signing-key/index.ts";
import type { SshSession } from "./ssh-session.ts";
import { policySettings, prepareTailnetAccess, type TailnetPlan } from "./tailnet-access/index.ts";
import { isAwake } from "./upload-hook/index.ts";

export interface Facts {
  readonly tailnet: TailnetPlan;
  readonly inspection: Inspection;
  /** Undefined when CI is off. */
  readonly ci: (CiPlan & { readonly signingKey: pulumi.Output<string> }) | undefined;
  /** Names of the builders with `install: ssh` that answered. */
  readonly awake: ReadonlySet<string>;
}

/** @throws RunError with everything that is wrong, a line each: Pulumi shows that text, and no JavaScript stack */
export async function gatherFacts(loaded: LoadedConfig): Promise<Facts> {
  const [inspected, found] = [inspect(loaded), findAwake(loaded)];
  const [tailnet, inspection, ci, awake] = await allOrEveryReason([
    prepareTailnetAccess(policySettings(loaded)),
    inspected,
    planCi(loaded),
    found,
    keysAreTrusted(loaded, inspected, found),
  ]);
  return { tailnet, inspection, ci, awake };
}

async function inspect(loaded: LoadedConfig): Promise<Inspection> {
  const { flake, configuration } = loaded.config.server;
  return inspectServer({ ...(await reach(loaded)), flake, configuration });
}

/** How the server is reached before anything is declared. */
async function reach({
  config: { server },
  secrets,
}: LoadedConfig): Promise<Pick<SshSession, "target" | "privateKey">> {
  const { name, address, sshPort: port, user, hostKey } = server;
  const privateKey = secrets.deployKey && (await valueOf(secrets.deployKey));
  return { target: { name, address, port, user, hostKey }, privateKey };
}

/** The configuration was checked: where CI is enabled, its repository and its signing key are there. */
async function planCi({ config: { ci, server }, secrets, stack }: LoadedConfig): Promise<Facts["ci"]> {
  const { ciSigningKey: signingKey } = secrets;
  if (!ci.enabled || ci.repository === undefined || signingKey === undefined) return undefined;
  return { ...(await prepareCi({ ...ci, repository: ci.repository, ssh: server.ssh, stack })), signingKey };
}

/**
 * No key goes while a machine trusts only that. The machines are asked about, by way of the server, when a key goes and
 * not otherwise.
 */
async function keysAreTrusted(
  loaded: LoadedConfig,
  inspected: Promise<Inspection>,
  found: Promise<ReadonlySet<string>>,
): Promise<void> {
  const { config, stack } = loaded;
  const { keys, retireUnconfirmed } = config.signing;
  // A server that can't be asked is the inspection's to tell.
  const inspection = await inspected.catch(() => undefined);
  const told = [...(toldKeys(stack) ?? []), ...(inspection?.told ?? [])];
  checkRetirement(stack, keys, told);
  const retired = retiredKeys(keys, told);
  if (retired.length === 0 || retireUnconfirmed || inspection === undefined) return;
  const [words, readers] = await Promise.all([reach(loaded).then(askClients), readersOf(config, await found)]);
  checkConfirmed({ keys, retired, readers, words });
}

/** Machines that read, but for the server, and those that are told the new keys by this same update. */
function readersOf(config: StackConfig, awake: ReadonlySet<string>): Promise<Reader[]> {
  const readers = machinesOf(config).filter(({ name }) => name !== config.server.name && !awake.has(name));
  return Promise.all(readers.map(async ({ name, address }) => ({ name, addresses: await addressesOf(address) })));
}

async function findAwake({ config }: LoadedConfig): Promise<ReadonlySet<string>> {
  const reached = config.builders.filter(({ install }) => install === "ssh");
  const answers = await Promise.all(reached.map(({ address = "", sshPort }) => isAwake(address, sshPort)));
  return new Set(reached.filter((_, index) => answers[index]).map(({ name }) => name));
}

function valueOf(output: pulumi.Output<string>): Promise<string> {
  return new Promise((resolve) => output.apply(resolve));
}

/** Waits for all, so that a user mends everything in one go instead of one fault per run. */
async function allOrEveryReason<T extends readonly Promise<unknown>[]>(
  promises: readonly [...T],
): Promise<{ [K in keyof T]: Awaited<T[K]> }> {
  const results = await Promise.allSettled<readonly Promise<unknown>[]>(promises);
  const reasons = results.flatMap((result) => (result.status === "rejected" ? [reasonText(result.reason)] : []));
  if (reasons.length > 0) throw new pulumi.RunError(reasons.join("\n"));
  return await Promise.all(promises);
}

function reasonText(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
