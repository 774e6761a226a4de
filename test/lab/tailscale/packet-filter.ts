import { TAILNET_PREFIXES, familyOf } from "./policy/addresses.ts";
import { type FilterRule, compileRules } from "./policy/compile.ts";
import { parseHujson } from "./policy/hujson.ts";
import { decodePolicy } from "./policy/policy.ts";
import { ALL_PORTS, type ProtoPorts } from "./policy/ports.ts";
import type { Node, User } from "./policy/tailnet.ts";

export type { Node, User } from "./policy/tailnet.ts";

/** One allowed flow: what a packet filter must know to let a connection be opened. Answers to it are the filter's own affair. */
export interface Flow {
  /** Source address or prefix, e.g. "100.80.1.20" or "100.64.0.0/10". */
  readonly src: string;
  /** Destination address or prefix, of the same family. */
  readonly dst: string;
  readonly proto: "tcp" | "udp" | "icmp" | "any";
  /** Closed range of destination ports, or every port. "any" for icmp, which over IPv6 is ICMPv6. */
  readonly ports: readonly [from: number, to: number] | "any";
}

const NAMES = new Map<number, Flow["proto"]>([
  [6, "tcp"],
  [17, "udp"],
  [1, "icmp"],
  [58, "icmp"],
]);

function portsOf({ ports }: ProtoPorts, proto: Flow["proto"]): Flow["ports"] {
  return proto === "icmp" || (ports[0] === ALL_PORTS[0] && ports[1] === ALL_PORTS[1]) ? "any" : ports;
}

function* pairs(rule: FilterRule): Generator<readonly [src: string, dst: string]> {
  const destinations = rule.destinations.flatMap((entry) => (entry === "*" ? TAILNET_PREFIXES : [entry]));
  for (const src of rule.sources) {
    for (const dst of destinations) if (familyOf(src) === familyOf(dst)) yield [src, dst];
  }
}

/** Where anything is let through, so is ICMP. Source: tailscale.com/docs/reference/syntax/policy-file, "proto". */
function flowsOf(rule: FilterRule): Flow[] {
  return [...pairs(rule)].flatMap(([src, dst]) => {
    const named = rule.services.flatMap((service) =>
      [...new Set(service.protocols.map((number) => NAMES.get(number)))]
        .filter((proto) => proto !== undefined)
        .map((proto) => ({ src, dst, proto, ports: portsOf(service, proto) })),
    );
    return [...named, { src, dst, proto: "icmp", ports: "any" } satisfies Flow];
  });
}

/**
 * Compiles a policy to the flows it allows between machines, each flow once. Protocols other than TCP, UDP and ICMP are left out;
 * "*" is the tailnet's own address ranges. What is not in the answer is to be dropped.
 * @param policyText HuJSON of a policy that Tailscale, or the stand-in, holds.
 * @throws {Problem} when the text is no policy.
 */
export function compileFilter(policyText: string, users: readonly User[], nodes: readonly Node[]): Flow[] {
  const rules = compileRules(decodePolicy(parseHujson(policyText)), { users, nodes });
  const flows = new Map(rules.flatMap(flowsOf).map((flow) => [JSON.stringify(flow), flow]));
  return [...flows.values()];
}
