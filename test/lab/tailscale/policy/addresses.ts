import { BlockList, isIP } from "node:net";

/** Addresses and prefixes; "*" is every address of the tailnet and the routes behind it. */
export type AddressSet = readonly string[];

/** Every address that Tailscale gives to a machine. Source: tailscale.com/kb/1015, tailscale.com/kb/1033. */
export const TAILNET_PREFIXES: AddressSet = ["100.64.0.0/10", "fd7a:115c:a1e0::/48"];

/** Whether the text is an address or a prefix in CIDR form. */
export function isAddress(text: string): boolean {
  const [address = "", length, ...rest] = text.split("/");
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  if (length === undefined) return true;
  return /^\d{1,3}$/.test(length) && Number(length) <= (family === 4 ? 32 : 128);
}

/** Whether the text is a prefix that covers more than one address. */
export function isRange(text: string): boolean {
  const [address = "", length] = text.split("/");
  return length !== undefined && Number(length) < (isIP(address) === 4 ? 32 : 128);
}

/** "ipv4" or "ipv6" of an address or prefix. */
export function familyOf(text: string): "ipv4" | "ipv6" {
  return text.includes(":") ? "ipv6" : "ipv4";
}

const lists = new WeakMap<AddressSet, BlockList>();

function listOf(set: AddressSet): BlockList {
  const known = lists.get(set);
  if (known !== undefined) return known;
  const list = new BlockList();
  for (const entry of set) {
    const [address = "", length] = entry.split("/");
    if (isIP(address) === 0) continue;
    if (length === undefined) list.addAddress(address, familyOf(address));
    else list.addSubnet(address, Number(length), familyOf(address));
  }
  lists.set(set, list);
  return list;
}

/** Whether an address lies in a set. The set must not change afterwards: what was made of it is kept. */
export function covers(set: AddressSet, address: string): boolean {
  return set.includes("*") || listOf(set).check(address, familyOf(address));
}
