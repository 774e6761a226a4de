/** The other machines: which of the tailnet's build for the cache, which only read. */
import * as field from "../../components/config/fields.ts";
import { type MachineAnswer, type Role, roles } from "./answers.ts";
import { type Device, likelySystem } from "./devices.ts";
import { askHostKey } from "./ask-host-key.ts";
import { checkedBy, type Interview } from "./context.ts";
import type { MachinePlan, Plan } from "./plan.ts";

/** What a role means, beside its number. */
const meanings: Record<Role, string> = {
  ssh: "builder; Pulumi installs the hook over ssh (a Mac)",
  module: "builder; its own Nix configuration imports our module",
  client: "only reads",
  none: "has nothing to do with the cache",
};

/** Machines that were given, then those of the tailnet; where nobody can be asked, only those given or known before. */
export async function askMachines(
  context: Interview,
  server: string | undefined,
): Promise<Pick<Plan, "machines" | "leftOut">> {
  const { given, before, sources } = context;
  const known = [...Object.keys(given.machines), ...Object.keys(before.machines)];
  const names = [...new Set([...known, ...sources.devices.map(({ name }) => name)])].filter((name) => name !== server);
  const machines: MachinePlan[] = [];
  for (const name of names) {
    const plan = await askMachine(context, name);
    if (plan !== undefined) machines.push(plan);
  }
  const planned = new Set(machines.map(({ name }) => name));
  return { machines, leftOut: names.filter((name) => !planned.has(name)) };
}

async function askMachine(context: Interview, name: string): Promise<MachinePlan | undefined> {
  const device = context.sources.devices.find((candidate) => candidate.name === name);
  const earlier = context.before.machines[name];
  const known = context.given.machines[name];
  const role = known?.role ?? (await askRole(context, name, device, earlier?.role));
  if (role === undefined || role === "none") return undefined;
  const system = known?.system ?? (await askSystem(context, name, earlier?.system ?? likelySystem(device?.os ?? "")));
  const address =
    known?.address ?? earlier?.address ?? (role === "ssh" ? await askAddress(context, name, device) : device?.address);
  const hostKey = role === "ssh" ? await askHostKey(context, { name, address, port: 22, machine: name }) : undefined;
  return { name, role, system, address, hostKey, ...keysOf(known ?? earlier) };
}

async function askRole(
  { asker }: Interview,
  name: string,
  device: Device | undefined,
  earlier: Role | undefined,
): Promise<Role | undefined> {
  const text = `What is ${name}${device === undefined ? "" : ` (${device.os}, ${device.address})`} to the cache?`;
  const role = await asker.ask({
    flag: `--machine ${name}=ROLE`,
    text,
    offers: roles.map((value) => ({ value, note: meanings[value] })),
    default: earlier ?? "none",
    check: (answer) => (roles.some((value) => value === answer) ? undefined : `expected one of ${roles.join(", ")}`),
  });
  return roles.find((candidate) => candidate === role);
}

async function askSystem({ asker }: Interview, name: string, likely: string): Promise<string> {
  const question = { flag: `--machine ${name}=ROLE,SYSTEM`, text: `What does ${name} run?`, default: likely };
  const offers = field.system.options.map((value) => ({ value }));
  return (await asker.ask({ ...question, offers, check: checkedBy(field.system) })) ?? likely;
}

async function askAddress({ asker }: Interview, name: string, device: Device | undefined): Promise<string | undefined> {
  const question = { flag: `--answers: machines.${name}.address`, text: `Tailnet address of ${name}` };
  return await asker.ask({ ...question, default: device?.address, check: checkedBy(field.address) });
}

function keysOf(answer: MachineAnswer | undefined): Pick<MachinePlan, "sshKey" | "signingKey"> {
  return { sshKey: answer?.sshKey, signingKey: answer?.signingKey };
}
