import { Problem } from "./problem.ts";

/** A closed range of ports; [0, 65535] is every port. */
export type Ports = readonly [first: number, last: number];

/** Every port. */
export const ALL_PORTS: Ports = [0, 65535];

/** IANA protocol numbers of a rule that names none. Source: packet filters that Tailscale sent to its clients. */
export const DEFAULT_PROTOCOLS: readonly number[] = [6, 17, 1, 58];

/** Source: the `proto` table of tailscale.com/docs/reference/syntax/policy-file. */
const PROTOCOLS = new Map<string, number>([
  ["icmp", 1],
  ["igmp", 2],
  ["ipv4", 4],
  ["ip-in-ip", 4],
  ["tcp", 6],
  ["egp", 8],
  ["igp", 9],
  ["udp", 17],
  ["gre", 47],
  ["esp", 50],
  ["ah", 51],
  ["ipv6-icmp", 58],
  ["sctp", 132],
]);

/** Protocols that have ports. */
export const PORT_PROTOCOLS: readonly number[] = [6, 17, 132];

function port(digits: string, whole: string, which: "first" | "last"): number {
  if (!/^\d+$/.test(digits) || Number(digits) > 65535)
    throw new Problem(`port range "${whole}": invalid ${which} integer`);
  return Number(digits);
}

/** Reads "*", "22" or "80-443". @throws {Problem} in Tailscale's words on anything else. */
export function parsePorts(text: string): Ports {
  if (text === "*") return ALL_PORTS;
  const [low = "", high = low, ...rest] = text.split("-");
  if (rest.length > 0) throw new Problem(`port range "${text}": too many dashes`);
  const first = port(low, text, "first");
  const last = port(high, text, "last");
  if (first === 0) throw new Problem(`port range "${text}": first port must be >0, or use '*' for wildcard`);
  if (first > last) throw new Problem(`port range "${text}": first port must be less than or equal to last port`);
  return [first, last];
}

/** Reads the ports of an acl's dst: ranges with commas between. @throws {Problem} */
export function parsePortList(text: string): Ports[] {
  return text.split(",").map((part) => parsePorts(part.trim()));
}

/** IANA numbers of a rule's or test's `proto`; "" is the default set. @throws {Problem} on an unknown one. */
export function parseProto(text: string): readonly number[] {
  if (text === "") return DEFAULT_PROTOCOLS;
  const named = PROTOCOLS.get(text.toLowerCase());
  if (named === 1) return [1, 58];
  if (named !== undefined) return [named];
  if (/^[1-9]\d{0,2}$/.test(text) && Number(text) <= 255) return [Number(text)];
  throw new Problem(
    `proto name "${text}" not known; use protocol number 0-255 or protocol name (icmp, tcp, udp, etc.)`,
  );
}

/** What one entry of a grant's `ip` allows. */
export interface ProtoPorts {
  readonly protocols: readonly number[];
  readonly ports: Ports;
}

/** Reads an entry of a grant's `ip`: "*", "22", "tcp:22", "icmp:*". @throws {Problem} */
export function parseGrantIp(text: string): ProtoPorts {
  const [head = "", tail, ...rest] = text.split(":");
  if (rest.length > 0) throw new Problem("expected only one colon in Internet protocol and port type");
  if (tail === undefined) return { protocols: DEFAULT_PROTOCOLS, ports: parsePorts(head) };
  const protocols = parseProto(head === "*" ? "" : head);
  return { protocols, ports: parsePorts(tail) };
}
