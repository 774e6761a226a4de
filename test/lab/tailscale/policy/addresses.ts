import { BlockList, isIP } from "node:net";

/** Addresses and prefixes; "*" is every address of the tailnet and the routes behind it. */
export type AddressSet = readonly string[];

/** Every address that Tailscale gives to a machine. Source: tailscale.com/kb/1015, tailscale.com/kb/1033. */
export const TAILNET_PREFIXES: AddressSet = ["100.64.0.0/10", "fd7a:115c:a1e0::/48"];

/** IPv4 that is nobody's on the internet: private, link-local, shared by carriers, loopback, multicast and reserved. */
const NOT_PUBLIC: readonly Prefix[] = [
  ...[prefix(0, 8), prefix(10, 8), prefix(127, 8), prefix(224, 3)],
  ...[prefix(100, 10, 64), prefix(169, 16, 254), prefix(172, 12, 16), prefix(192, 16, 168)],
];

/** What `autogroup:internet` means: every public address. */
export const PUBLIC_PREFIXES: AddressSet = [...publicParts({ first: 0, length: 0 }).map(written), "2000::/3"];

/** An IPv4 prefix: its first address as a number. */
interface Prefix {
  readonly first: number;
  readonly length: number;
}

function prefix(octet: number, length: number, second = 0): Prefix {
  return { first: octet * 2 ** 24 + second * 2 ** 16, length };
}

function holds(outer: Prefix, { first, length }: Prefix): boolean {
  return outer.length <= length && first >= outer.first && first < outer.first + 2 ** (32 - outer.length);
}

/** The largest prefixes of which nothing is in NOT_PUBLIC. */
function publicParts(whole: Prefix): Prefix[] {
  if (NOT_PUBLIC.some((taken) => holds(taken, whole))) return [];
  if (!NOT_PUBLIC.some((taken) => holds(whole, taken))) return [whole];
  const length = whole.length + 1;
  return [whole.first, whole.first + 2 ** (32 - length)].flatMap((first) => publicParts({ first, length }));
}

function written({ first, length }: Prefix): string {
  return `${[24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256).join(".")}/${length}`;
}

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
