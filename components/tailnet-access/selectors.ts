/** Whether a rule of a tailnet's policy takes somebody in. A reading for explanations only: the judge is Tailscale. */
import { BlockList, isIP } from "node:net";

/** The names that a policy gives to others. */
export interface Names {
  readonly groups: ReadonlyMap<string, readonly string[]>;
  /** Addresses and prefixes by host name. */
  readonly hosts: ReadonlyMap<string, string>;
}

/** All of a tailnet's own addresses (tailscale.com/kb/1033/ip-and-dns-addresses), each by its first. */
const tailnetRanges = [
  ["100.64.0.0", 10],
  ["fd7a:115c:a1e0::", 48],
] as const;

/** Roles that a member may have; the policy does not say who has them. */
const roles = /^autogroup:(members?|admin|owner|it-admin|network-admin|billing-admin|auditor)$/;

/**
 * Whether a selector takes in `who`: a tag, a login, an address or a host's name. What the policy leaves open, such as
 * whose machine an address is, counts as taken in.
 */
export function takesIn(selector: string, who: string, names: Names): boolean {
  if (selector === "*" || selector === who || selector === "autogroup:danger-all") return true;
  const named = names.hosts.get(selector) ?? selector;
  const target = names.hosts.get(who) ?? who;
  if (isPrefix(target))
    return isPrefix(named) ? contains(named, target) : !/^autogroup:(self|internet|shared)$/.test(named);
  if (isPrefix(named)) return tailnetRanges.some(([first, length]) => contains(named, `${first}/${length}`));
  if (who.startsWith("tag:")) return selector === "autogroup:tagged";
  if (selector.startsWith("user:*@")) return who.endsWith(selector.slice("user:*".length));
  return roles.test(selector) || (names.groups.get(selector)?.includes(who) ?? false);
}

/** Whether `ports` ("*", "22", "80-443", several with commas between) has a port. */
export function hasPort(ports: string, port: number): boolean {
  return ports.split(",").some((part) => {
    const [first = "", last = first] = part.trim().split("-");
    return part.trim() === "*" || (Number(first) <= port && port <= Number(last));
  });
}

/** Splits `HOST:PORTS` at its last colon and takes an IPv6 address out of its brackets. */
export function splitTarget(text: string): { readonly host: string; readonly ports: string } {
  const colon = text.lastIndexOf(":");
  return { host: text.slice(0, colon).replace(/^\[(.*)\]/, "$1"), ports: text.slice(colon + 1) };
}

function isPrefix(text: string): boolean {
  const [address = "", length] = text.split("/");
  return isIP(address) !== 0 && (length === undefined || /^\d{1,3}$/.test(length));
}

/** Whether one prefix lies within another. */
function contains(outer: string, inner: string): boolean {
  const [first = "", length] = outer.split("/");
  const [address = "", innerLength] = inner.split("/");
  if (isIP(first) !== isIP(address)) return false;
  const family = isIP(first) === 6 ? "ipv6" : "ipv4";
  const bits = family === "ipv6" ? 128 : 32;
  const outerBits = Number(length ?? bits);
  if (outerBits > bits || outerBits > Number(innerLength ?? bits)) return false;
  const list = new BlockList();
  list.addSubnet(first, outerBits, family);
  return list.check(address, family);
}
