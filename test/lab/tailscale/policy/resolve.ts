import { type AddressSet, PUBLIC_PREFIXES, TAILNET_PREFIXES, isRange } from "./addresses.ts";
import type { Policy } from "./policy.ts";
import type { Selector } from "./selector.ts";
import { trySelector } from "./selector.ts";
import { type Node, type Tailnet, type User, domainOf, isTagged } from "./tailnet.ts";

const ADMINS = new Set(["owner", "admin"]);

function hasRole(user: User | undefined, name: string): boolean {
  const role = user?.role ?? "member";
  return name === "admin" ? ADMINS.has(role) : role === name;
}

/** Members of a group, as logins. A group that is not declared here has none. */
function members(policy: Policy, name: string): readonly string[] {
  return policy.groups[name] ?? [];
}

function inAutogroup(node: Node, name: string, tailnet: Tailnet): boolean {
  if (name === "tagged") return isTagged(node);
  if (isTagged(node) || node.user === undefined) return false;
  const user = tailnet.users.find((candidate) => candidate.login === node.user);
  return name === "member" ? user !== undefined : hasRole(user, name);
}

/**
 * Whether a selector means this machine by whom it belongs to or what it carries. Addresses are not looked at; "*" means every one.
 * `autogroup:self` means nobody here: it depends on who asks.
 */
export function selects(selector: Selector, node: Node, policy: Policy, tailnet: Tailnet): boolean {
  const owner = isTagged(node) ? undefined : node.user;
  switch (selector.kind) {
    case "any":
      return true;
    case "tag":
      return (node.tags ?? []).includes(selector.name);
    case "user":
      return owner === selector.login;
    case "domain":
      return owner !== undefined && domainOf(owner) === selector.domain;
    case "group":
      return owner !== undefined && members(policy, selector.name).includes(owner);
    case "autogroup":
      return inAutogroup(node, selector.name, tailnet);
    default:
      return false;
  }
}

/** Approved subnet routes. An exit route is not one: nothing is filtered by it. */
function routes(tailnet: Tailnet): string[] {
  return tailnet.nodes.flatMap((node) => node.routes ?? []).filter((route) => !route.endsWith("/0"));
}

function ipsetAddresses(policy: Policy, tailnet: Tailnet, entries: readonly string[]): string[] {
  const added = entries.filter((entry) => !entry.startsWith("remove "));
  return added.flatMap((entry) => {
    const selector = trySelector(entry.replace(/^add /, "").replace(/^host:/, ""), policy);
    return selector === undefined ? [] : [...sourceAddresses(selector, policy, tailnet)];
  });
}

/** The addresses that a selector means on the src side. "*" leaves out the range 100.115.92.0/23 at Tailscale, which no machine here has. */
export function sourceAddresses(selector: Selector, policy: Policy, tailnet: Tailnet): AddressSet {
  switch (selector.kind) {
    case "any":
      return [...TAILNET_PREFIXES, ...routes(tailnet)];
    case "address":
    case "host":
      return [selector.address];
    case "ipset":
      return ipsetAddresses(policy, tailnet, policy.ipsets[selector.name] ?? []);
    default:
      if (selector.kind === "autogroup" && selector.name === "danger-all") return ["0.0.0.0/0", "::/0"];
      return tailnet.nodes.filter((node) => selects(selector, node, policy, tailnet)).flatMap((node) => node.addresses);
  }
}

/** The addresses that a selector means on the dst side. */
export function destinationAddresses(selector: Selector, policy: Policy, tailnet: Tailnet): AddressSet {
  if (selector.kind === "autogroup" && selector.name === "internet") {
    return tailnet.internet === true ? PUBLIC_PREFIXES : [];
  }
  return selector.kind === "any" ? ["*"] : sourceAddresses(selector, policy, tailnet);
}

/**
 * Whether a selector is specific enough for a test: an address, or an identity that machines have. Not autogroups, for which
 * github.com/tailscale/tailscale/issues/4416 asks.
 */
export function isSingle(selector: Selector): boolean {
  if (selector.kind === "address") return !selector.address.includes("/");
  if (selector.kind === "host") return !isRange(selector.address);
  return ["tag", "user", "group", "service"].includes(selector.kind);
}
