/** From the stack's machines to what a policy can name. */
import { isIP } from "node:net";
import { RunError } from "@pulumi/pulumi";

export interface Machine {
  readonly name: string;
  /** A tailnet address, a DNS name, or nothing. */
  readonly address?: string | undefined;
}

/** A machine as Tailscale's API lists it. */
export interface TailnetDevice {
  /** What the machine says of itself: anyone's to choose, and several may say the same. */
  readonly hostname: string;
  /** Its DNS name on the tailnet, of which there is one. */
  readonly name: string;
  readonly addresses: readonly string[];
}

/**
 * This machine among the tailnet's: its address tells, or, where that is a DNS name of somewhere else, its host name. In
 * words, what is wrong where it is not there, or can't be told from others.
 */
export function findDevice<Device extends TailnetDevice>(
  devices: readonly Device[],
  { name, address = name }: Machine,
): Device | string {
  const wanted = address.toLowerCase();
  const at = devices.filter((one) => [one.name, one.name.split(".")[0], ...one.addresses].includes(wanted));
  const called = devices.filter(({ hostname }) => hostname === name);
  const [device, ...others] = at.length > 0 || isIP(address) !== 0 ? at : called;
  if (device !== undefined && others.length === 0) return device;
  const found = device === undefined ? "no machine" : `${String(others.length + 1)} machines`;
  return `the tailnet has ${found} that may be "${name}" (${address})`;
}

/** @throws RunError as `findDevice` says it, and what to do */
export function deviceOf<Device extends TailnetDevice>(devices: readonly Device[], machine: Machine): Device {
  const found = findDevice(devices, machine);
  if (typeof found !== "string") return found;
  throw new RunError(`tailnet.tagServer: ${found}. Set server.address to what \`tailscale ip -4\` says there.`);
}

/**
 * The addresses that grants can name: a machine's DNS name is no selector (tailscale.com/kb/1337/policy-syntax, "hosts").
 *
 * @param server the server's own address, which needs no way to itself
 */
export function machineAddresses(machines: readonly Machine[], server: string): string[] {
  const addresses = machines.map(({ address }) => address).filter((address) => address !== undefined);
  return [...new Set(addresses)].filter((address) => isIP(address) !== 0 && address !== server);
}
