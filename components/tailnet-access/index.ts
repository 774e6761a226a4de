export { PolicyError } from "./entries.ts";
export type { PolicySettings } from "./policy.ts";
export { prepareTailnetAccess, type TailnetPlan } from "./prepare.ts";
export { machineAddresses } from "./machines.ts";
export { policySettings } from "./settings.ts";
export { TailnetAccess, type TailnetAccessArgs } from "./tailnet-access.ts";
