/** From the stack's configuration to what decides its entries in the policy. Pure. */
import type { LoadedConfig } from "../config.ts";
import { machineAddresses } from "./machines.ts";
import type { PolicySettings } from "./policy.ts";

/**
 * The policy settings of a stack. Machines come in by their tailnet addresses: a rule can name no machine by its name.
 * The configuration keeps its tags, owners, readers, tests and extra entries as they were written.
 */
export function policySettings({ config }: Pick<LoadedConfig, "stack" | "config">): PolicySettings {
  const { tailnet, cache, server, builders, clients, ci } = config;
  const { tags, owners, readers, testUser, policy } = tailnet;
  return {
    tags,
    ci: ci.enabled,
    owners,
    readers,
    builders: machineAddresses(builders, server.address),
    hosts: machineAddresses(clients, server.address),
    unreachable: builders.filter((builder) => builder.hook && !hasPlace(builder, server)).map(({ name }) => name),
    port: cache.port,
    sshPort: server.sshPort,
    ssh: server.ssh,
    testUser,
    requireDeny: policy.requireDeny,
    extra: policy.extra,
  };
}

/** Whether a policy can name the machine, or need not, because it is the server itself. */
function hasPlace(builder: { readonly name: string; readonly address?: string | undefined }, server: Server): boolean {
  if (builder.name === server.name || builder.address === server.address) return true;
  return machineAddresses([builder], server.address).length > 0;
}

interface Server {
  readonly name: string;
  readonly address: string;
}
