/** Puts on the machines what their owner would have put there: who may log in, and the flake of their configuration. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { NixVars } from "../../../components/client-settings/index.ts";
import { MACHINE_NAMES, type Instance, type MachineName } from "../instance.ts";
import type { Machine } from "../machines/machine.ts";
import { deployPublicKey, type OperatorSecrets } from "./operator.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");

/** The machines that have a NixOS-like configuration of their own. */
const CONFIGURED: readonly MachineName[] = ["server", "desktop"];

type Machines = Readonly<Record<MachineName, Machine>>;

/** Lets the operator in, and brings the flakes up to this checkout. Safe to repeat. */
export async function furnish(machines: Machines, secrets: OperatorSecrets, vars: NixVars): Promise<void> {
  for (const name of MACHINE_NAMES) {
    await machines[name].writeFile("/root/.ssh/authorized_keys", `${deployPublicKey(secrets)}\n`, 0o600);
    await machines[name].writeFile("/var/lib/lab/tailnet.json", tailnetOf(machines[name].instance, name), 0o644);
  }
  for (const name of CONFIGURED) {
    await placeFlake(machines[name]);
    await placeHarmonia(machines[name], process.env.HARMONIA);
    if (name === "server") await placeVars(machines[name], vars);
  }
}

/** The flake is copied beside its old self and moved in place, so that no evaluation meets half of it. */
async function placeFlake(machine: Machine): Promise<void> {
  await machine.must(["sh", "-c", "rm -rf /etc/nixos.new && mkdir -p /etc/nixos.new"]);
  await machine.copyIn(join(ROOT, "test/lab/flake"), "/etc/nixos.new/flake");
  await machine.copyIn(join(ROOT, "test/lab/origin"), "/etc/nixos.new/origin");
  await machine.copyIn(join(ROOT, "nix"), "/etc/nixos.new/nix");
  await machine.must([
    "sh",
    "-c",
    "cd /etc/nixos.new && mv flake/* . && rmdir flake && { cp /etc/nixos/vars.json . 2>/dev/null || :; } && " +
      "rm -rf /etc/nixos && mv /etc/nixos.new /etc/nixos",
  ]);
}

/**
 * Puts the real Harmonia in its double's place, or takes it away again.
 *
 * @param program harmonia-cache for Debian trixie, absolute; undefined or empty: the double serves
 * @throws Error when there is no such program
 */
async function placeHarmonia(machine: Machine, program: string | undefined): Promise<void> {
  await machine.must(["rm", "-f", "/etc/nixos/origin/real", "/usr/local/bin/harmonia-cache"]);
  if (program === undefined || program === "") return;
  if (!existsSync(program)) throw new Error(`HARMONIA: there is no ${program}. Name the program, or leave it out.`);
  await machine.copyIn(program, "/usr/local/bin/harmonia-cache");
  await machine.writeFile("/etc/nixos/origin/real", "", 0o644);
}

/** Writes the public facts that a machine's configuration reads: what a user commits as nix/vars/<stack>.json. */
export async function placeVars(machine: Machine, vars: NixVars): Promise<void> {
  await machine.writeFile("/etc/nixos/vars.json", `${JSON.stringify(vars, null, 2)}\n`, 0o644);
}

/** What the machine's own tailscale knows of the tailnet. */
function tailnetOf({ addresses }: Instance, self: MachineName): string {
  const owners: Readonly<Record<string, string>> = { desktop: "bob@example.com" };
  const nodes = Object.entries(addresses).map(([name, address]) => ({
    name,
    address,
    tags: [],
    user: owners[name] ?? "alice@example.com",
  }));
  return `${JSON.stringify({ self, nodes })}\n`;
}
