/** From the stack's machines to what a policy can name. */
import { isIP } from "node:net";

export interface Machine {
  readonly name: string;
  /** A tailnet address, a DNS name, or nothing. */
  readonly address?: string | undefined;
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
