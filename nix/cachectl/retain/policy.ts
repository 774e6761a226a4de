import { fieldsOf, listOf } from "../lib/json.ts";
import { parseLimits } from "../receive/limits.ts";
import { parseAmount } from "../receive/sizes.ts";
import type { RetentionPolicy } from "./plan.ts";

/** The server's policy, with what the plan itself has no use for. */
export interface RetentionSettings extends RetentionPolicy {
  /** Free bytes on the store's disk that retention sees to. */
  readonly minFreeBytes: number;
  /** Days after which an announced path that was not committed is given up (`limits.incomingDays`). */
  readonly incomingDays: number;
  /** Names of the machines that the configuration knows. */
  readonly machines: readonly string[];
}

/** As in the stack's configuration (components/config/sections.ts). */
const defaults = { diskBudget: "100GiB", minFree: "10GiB", keepSystems: 5, keepPackages: 3, keepDays: 30 } as const;

/** Reads `retention` of config.json over the defaults; throws an Error that names a value of the wrong kind. */
export function readRetentionSettings(config: unknown): RetentionSettings {
  const all = fieldsOf(config);
  const section = fieldsOf(all.get("retention"));
  const amount = (name: keyof typeof defaults, least: number): number => {
    const value = section.get(name) ?? defaults[name];
    const parsed = parseAmount(value);
    if (parsed !== undefined && parsed >= least) return parsed;
    const expected = name.startsWith("keep") ? `a whole number, at least ${least}` : 'a size as "100GiB"';
    throw new Error(`retention.${name} in config.json is ${JSON.stringify(value)}; expected ${expected}`);
  };
  return {
    budgetBytes: amount("diskBudget", 0),
    minFreeBytes: amount("minFree", 0),
    keepSystems: amount("keepSystems", 1),
    keepPackages: amount("keepPackages", 1),
    keepDays: amount("keepDays", 0),
    incomingDays: parseLimits(config).incomingDays,
    machines: machinesIn(all),
  };
}

function machinesIn(config: ReadonlyMap<string, unknown>): string[] {
  const described = [config.get("server"), ...listOf(config.get("builders")), ...listOf(config.get("clients"))];
  const names = described.map((machine) => fieldsOf(machine).get("name"));
  return [...new Set(names.filter((name) => typeof name === "string"))];
}
