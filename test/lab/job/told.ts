/** What the engine told, in the words of the tests. */
import assert from "node:assert/strict";
import type { OperationResult, Step } from "../engine/operation.ts";
import { pulumi, type World } from "../world/world.ts";

/** The result, if the operation succeeded. @throws AssertionError with what the engine said */
export function mustSucceed(result: OperationResult): OperationResult {
  assert.ok(result.ok, `${result.message}\n${result.stdout.slice(-4000)}\n${result.stderr.slice(-2000)}`);
  return result;
}

/** Steps that change something; the stack itself is none of them. */
export function changedSteps({ steps }: OperationResult): Step[] {
  return steps.filter(({ op, type }) => !["same", "read", "refresh"].includes(op) && type !== "pulumi:pulumi:Stack");
}

/** The same, as "update NAME". */
export function changed(result: OperationResult): string[] {
  return changedSteps(result).map(({ op, urn }) => `${op} ${urn.split("::").at(-1) ?? ""}`);
}

/** How many resources the stack holds; components count. */
export async function resourceCount(world: World): Promise<number> {
  const { deployment } = mustSucceed(await pulumi(world, "export"));
  const { resources = [] } = (deployment as { deployment?: { resources?: unknown[] } }).deployment ?? {};
  return resources.length;
}

/** What a real tailnet and GitHub have that the lab doubles. */
const DOUBLED = [
  "Tailscale: WireGuard, MagicDNS, Tailscale SSH, the console (doubled: API, policy engine; filter by nftables)",
  "GitHub: runners (doubled: API of environments, variables, secrets, contents)",
  "Pulumi: the provider plugins' own code (doubled after their schemas), unless PROVIDERS=folder gives the real ones",
  "NixOS and macOS: systemd, launchd, nixpkgs (doubled: supervisor, a small module system; modules are the real ones)",
  "Harmonia, unless HARMONIA=path gives the real one",
];

/** The figures of a run, for people. */
export function figures(seconds: Readonly<Record<string, number>>, resources: number): string {
  const rows = Object.entries(seconds).map(([name, value]) => `      ${value.toFixed(2).padStart(7)} s  ${name}`);
  const doubled = DOUBLED.map((line) => `      - ${line}`);
  return [...rows, `      ${String(resources).padStart(7)}    resources`, "    doubled here:", ...doubled].join("\n");
}
