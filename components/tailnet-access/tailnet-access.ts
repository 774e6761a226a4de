import { local } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import * as tailscale from "@pulumi/tailscale";
import { deviceOf, type Machine } from "./machines.ts";
import type { PolicyPlan, TailnetPlan } from "./prepare.ts";
import { refuseOtherPolicy, restoreEntries } from "./settle.ts";

export interface TailnetAccessArgs {
  /** What `prepareTailnetAccess` found and decided. */
  readonly plan: TailnetPlan;
  /** The server, for Pulumi to put the cache's tag on it. @default somebody else does */
  readonly tagServer?: Machine | undefined;
}

/** The program that takes the entries out at destroy; relative to the project's directory, where providers run. */
const withdrawal = "node components/tailnet-access/withdraw.ts";

/**
 * Who reaches the cache: the stack's entries in the tailnet's policy, put in, kept, and taken out again.
 *
 * The policy outlives the stack. Destroying the stack forgets the policy (`retainOnDelete`: the provider's own delete
 * could reset it), after which the withdrawal takes our entries out. The policy depends on the withdrawal, so that the
 * latter is in the state before anything is written and goes last; whatever uses the tags depends on the policy.
 */
export class TailnetAccess extends pulumi.ComponentResource {
  /** The policy; depend on it to come after the tags' declaration, and to go before they are taken out. */
  readonly policy: pulumi.Resource;
  /** The tag of the server, for what is declared with it. */
  readonly cacheTag: string;
  /** The tag of CI's nodes. */
  readonly ciTag: string;

  constructor(name: string, args: TailnetAccessArgs, opts?: pulumi.ComponentResourceOptions) {
    super("nix-binary-cache:tailnet:TailnetAccess", name, {}, opts);
    const { tags, policy } = args.plan;
    this.cacheTag = tags.cache;
    this.ciTag = tags.ci;
    const withdraw = declareWithdrawal(`${name}-withdrawal`, tags.cache, { parent: this });
    const acl = declarePolicy(`${name}-policy`, policy, { parent: this, dependsOn: withdraw });
    this.policy = acl;
    if (args.tagServer !== undefined) tagServer(name, args.tagServer, tags.cache, { parent: this, dependsOn: acl });
    // As an output, so that the program does not end before it is settled.
    this.registerOutputs({ cacheTag: this.cacheTag, ciTag: this.ciTag, inForce: inForce(acl, policy) });
  }
}

/** Another tag makes another withdrawal, and the old one then takes the old tag's entries out. */
function declareWithdrawal(name: string, tag: string, opts: pulumi.CustomResourceOptions): local.Command {
  const environment = { NIX_BINARY_CACHE_TAG: tag };
  return new local.Command(name, { create: "true", delete: withdrawal, environment, triggers: [tag] }, opts);
}

function declarePolicy(name: string, plan: PolicyPlan, opts: pulumi.CustomResourceOptions): tailscale.Acl {
  const guard = [(): Promise<void> => refuseOtherPolicy(plan)];
  return new tailscale.Acl(
    name,
    {
      acl: plan.text,
      // What would be overwritten is in the text: it is the live policy with our entries in it.
      overwriteExistingContent: true,
    },
    {
      ...opts,
      retainOnDelete: true,
      hooks: { beforeCreate: guard, beforeUpdate: guard },
      // Where ours are in force, others' edits since our last write are no change of ours.
      ignoreChanges: plan.text === plan.live.text ? ["acl"] : [],
    },
  );
}

/** Sees to it, once Pulumi is through with the policy, that our entries are in force; not in a preview. */
function inForce(acl: tailscale.Acl, policy: PolicyPlan): pulumi.Output<boolean> | undefined {
  if (pulumi.runtime.isDryRun()) return undefined;
  return acl.id.apply(async () => {
    await restoreEntries(policy).catch((error: unknown) => {
      throw new pulumi.RunError((error as Error).message);
    });
    return true;
  });
}

/** A tag can't be taken off a device again without signing in there, so it stays when the stack goes. */
function tagServer(name: string, server: Machine, tag: string, opts: pulumi.CustomResourceOptions): void {
  const all = tailscale.getDevicesOutput({}, { parent: opts.parent });
  const args = { deviceId: all.apply(({ devices = [] }) => deviceOf(devices, server).nodeId), tags: [tag] };
  new tailscale.DeviceTags(`${name}-server`, args, { ...opts, retainOnDelete: true });
}
