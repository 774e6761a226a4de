import { type AddressSet, TAILNET_PREFIXES, covers } from "./addresses.ts";
import type { AclRule, GrantRule, Policy } from "./policy.ts";
import { ALL_PORTS, DEFAULT_PROTOCOLS, type ProtoPorts, parseGrantIp, parsePortList, parseProto } from "./ports.ts";
import { destinationAddresses, selects, sourceAddresses } from "./resolve.ts";
import { type Selector, parseSelector, splitDestination } from "./selector.ts";
import { type Node, type Tailnet, isTagged } from "./tailnet.ts";

/** One rule of the packet filter: any of the sources may open any of the services at any of the destinations. */
export interface FilterRule {
  readonly sources: AddressSet;
  readonly destinations: AddressSet;
  readonly services: readonly ProtoPorts[];
}

/** What a policy without `acls` and without `grants` means. Source: filters that Tailscale sent under such policies. */
const ALLOW_ALL: readonly FilterRule[] = [
  { sources: TAILNET_PREFIXES, destinations: ["*"], services: [{ protocols: DEFAULT_PROTOCOLS, ports: ALL_PORTS }] },
];

/** One destination of a rule with what may be reached there. */
interface Target {
  readonly selector: Selector;
  readonly services: readonly ProtoPorts[];
}

/** Everybody's own machines, for each user with a machine that the sources mean. Tagged machines are nobody's. */
function selfRules(
  sources: readonly Selector[],
  services: readonly ProtoPorts[],
  policy: Policy,
  tailnet: Tailnet,
): FilterRule[] {
  const own = new Map<string, Node[]>();
  for (const node of tailnet.nodes) {
    if (isTagged(node) || node.user === undefined) continue;
    if (!sources.some((selector) => selects(selector, node, policy, tailnet))) continue;
    own.set(node.user, [...(own.get(node.user) ?? []), node]);
  }
  return [...own.values()].map((nodes) => {
    const addresses = nodes.flatMap((node) => node.addresses);
    return { sources: addresses, destinations: addresses, services };
  });
}

function rulesFor(
  sources: readonly Selector[],
  targets: readonly Target[],
  policy: Policy,
  tailnet: Tailnet,
): FilterRule[] {
  const addresses = [...new Set(sources.flatMap((selector) => sourceAddresses(selector, policy, tailnet)))];
  return targets.flatMap(({ selector, services }) => {
    // Traffic to a service is let through elsewhere than at a machine's own filter.
    if (selector.kind === "service") return [];
    if (selector.kind === "autogroup" && selector.name === "self") return selfRules(sources, services, policy, tailnet);
    const destinations = destinationAddresses(selector, policy, tailnet);
    return addresses.length === 0 || destinations.length === 0 ? [] : [{ sources: addresses, destinations, services }];
  });
}

function compileAcl(rule: AclRule, policy: Policy, tailnet: Tailnet): FilterRule[] {
  const protocols = parseProto(rule.proto);
  const sources = [...rule.src, ...rule.users].map((entry) => parseSelector(entry, policy));
  const targets = [...rule.dst, ...rule.ports].map((entry) => {
    const { host, ports } = splitDestination(entry);
    const services = parsePortList(ports).map((range) => ({ protocols, ports: range }));
    return { selector: parseSelector(host, policy), services };
  });
  return rulesFor(sources, targets, policy, tailnet);
}

function compileGrant(rule: GrantRule, policy: Policy, tailnet: Tailnet): FilterRule[] {
  if (rule.ip.length === 0) return [];
  const services = rule.ip.map(parseGrantIp);
  const sources = rule.src.map((entry) => parseSelector(entry, policy));
  const targets = rule.dst.map((entry) => ({ selector: parseSelector(entry, policy), services }));
  return rulesFor(sources, targets, policy, tailnet);
}

/**
 * The packet filter of a valid policy over a tailnet. Rules only ever allow; none is empty.
 * Postures are taken as met.
 */
export function compileRules(policy: Policy, tailnet: Tailnet): readonly FilterRule[] {
  if (policy.acls == null && policy.grants == null) return ALLOW_ALL;
  const acls = (policy.acls ?? []).flatMap((rule) => compileAcl(rule, policy, tailnet));
  return [...acls, ...(policy.grants ?? []).flatMap((rule) => compileGrant(rule, policy, tailnet))];
}

/** Whether a filter lets an address open a port at another over one of the protocols. */
export function permits(
  rules: readonly FilterRule[],
  flow: { readonly src: string; readonly dst: string; readonly protocols: readonly number[]; readonly port: number },
): boolean {
  return rules.some(
    (rule) =>
      rule.services.some(
        ({ protocols, ports: [first, last] }) =>
          first <= flow.port && flow.port <= last && protocols.some((protocol) => flow.protocols.includes(protocol)),
      ) &&
      covers(rule.sources, flow.src) &&
      covers(rule.destinations, flow.dst),
  );
}

/** Whether a filter lets an address ping another: where any traffic is let through, ICMP is too. Source: the notes on `proto` there. */
export function permitsPing(rules: readonly FilterRule[], src: string, dst: string): boolean {
  return rules.some((rule) => covers(rule.sources, src) && covers(rule.destinations, dst));
}
