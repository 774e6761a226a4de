/**
 * What the program has to know before it declares anything: the tailnet's policy as it is, what the server would do,
 * the repository, and which builders are awake. Asked all at once; what is wrong is told in one message, and in the
 * preview, before anything is changed.
 */
import type * as pulumi from "@pulumi/pulumi";
import { inspectServer, type Inspection } from "./cache-server/index.ts";
import { type CiPlan, prepareCi } from "./ci-publisher/index.ts";
import type { LoadedConfig } from "./config.ts";
import { checkRetirement, toldKeys } from "./signing-key/index.ts";
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

/** @throws Error with everything that is wrong, a line each */
export async function gatherFacts(loaded: LoadedConfig): Promise<Facts> {
  const [tailnet, inspection, ci, awake] = await allOrEveryReason([
    prepareTailnetAccess(policySettings(loaded)),
    inspect(loaded),
    planCi(loaded),
    findAwake(loaded),
    keysAreTrusted(loaded),
  ]);
  return { tailnet, inspection, ci, awake };
}

async function inspect({ config: { server }, secrets }: LoadedConfig): Promise<Inspection> {
  const { name, address, sshPort: port, user, hostKey, flake, configuration } = server;
  const privateKey = secrets.deployKey && (await valueOf(secrets.deployKey));
  return inspectServer({ target: { name, address, port, user, hostKey }, privateKey, flake, configuration });
}

/** The configuration was checked: where CI is enabled, its repository and its signing key are there. */
async function planCi({ config: { ci, server }, secrets, stack }: LoadedConfig): Promise<Facts["ci"]> {
  const { ciSigningKey: signingKey } = secrets;
  if (!ci.enabled || ci.repository === undefined || signingKey === undefined) return undefined;
  return { ...(await prepareCi({ ...ci, repository: ci.repository, ssh: server.ssh, stack })), signingKey };
}

/** Asynchronous as the others are, so that its reason stands beside theirs. */
async function keysAreTrusted({ config, stack }: LoadedConfig): Promise<void> {
  await Promise.resolve();
  checkRetirement(stack, config.signing.keys, toldKeys(stack));
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
  if (reasons.length > 0) throw new Error(reasons.join("\n"));
  return await Promise.all(promises);
}

function reasonText(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
