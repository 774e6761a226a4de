import { isAddress } from "./addresses.ts";
import type { Policy } from "./policy.ts";
import { Problem } from "./problem.ts";

/** One entry of a `src`, `dst`, `target` or owners' list. */
export type Selector =
  | { readonly kind: "any" }
  | { readonly kind: "user"; readonly login: string }
  | { readonly kind: "domain"; readonly domain: string }
  | { readonly kind: "group"; readonly name: string }
  | { readonly kind: "tag"; readonly name: string }
  | { readonly kind: "autogroup"; readonly name: string }
  | { readonly kind: "host"; readonly name: string; readonly address: string }
  | { readonly kind: "ipset"; readonly name: string }
  | { readonly kind: "service"; readonly name: string }
  | { readonly kind: "address"; readonly address: string };

/** Source: the autogroups of tailscale.com/docs/reference/syntax/policy-file. */
const AUTOGROUPS = new Set([
  ...["member", "members", "tagged", "admin", "owner", "it-admin", "network-admin", "billing-admin", "auditor"],
  ...["shared", "self", "internet", "danger-all", "nonroot"],
]);

function declared(names: object, name: string, what: string): void {
  if (!Object.hasOwn(names, name)) throw new Problem(`${what} not found: "${name}"`);
}

function autogroup(text: string): Selector {
  const name = text.slice("autogroup:".length);
  if (!AUTOGROUPS.has(name)) throw new Problem(`autogroup not found: "${text}"`);
  return { kind: "autogroup", name: name === "members" ? "member" : name };
}

/**
 * Reads a selector against what the policy declares.
 * @throws {Problem} on a tag, group, autogroup, ipset or host that nothing declares. Users need not exist: such a rule matches nobody.
 */
export function parseSelector(text: string, policy: Policy): Selector {
  if (text === "*") return { kind: "any" };
  if (text.startsWith("tag:")) {
    declared(policy.tagOwners, text, "tag");
    return { kind: "tag", name: text };
  }
  if (text.startsWith("group:")) {
    // A group with a domain is synchronised from an identity provider and is not declared in the file.
    if (!text.includes("@")) declared(policy.groups, text, "group");
    return { kind: "group", name: text };
  }
  if (text.startsWith("autogroup:")) return autogroup(text);
  if (text.startsWith("ipset:")) {
    declared(policy.ipsets, text, "ipset");
    return { kind: "ipset", name: text };
  }
  if (text.startsWith("svc:")) return { kind: "service", name: text };
  return plain(text, policy);
}

function plain(text: string, policy: Policy): Selector {
  const address = policy.hosts[text];
  if (address !== undefined && Object.hasOwn(policy.hosts, text)) return { kind: "host", name: text, address };
  if (text.startsWith("user:*@")) return { kind: "domain", domain: text.slice("user:*@".length) };
  if (text.includes("@")) return { kind: "user", login: text };
  if (isAddress(text)) return { kind: "address", address: text };
  throw new Problem(`"${text}": invalid address`);
}

/** Reads a selector, or says that there is none such by `undefined`. */
export function trySelector(text: string, policy: Policy): Selector | undefined {
  try {
    return parseSelector(text, policy);
  } catch (error) {
    if (error instanceof Problem) return undefined;
    throw error;
  }
}

/** Splits "HOST:PORTS" at its last colon; the brackets of an IPv6 address are taken off. @throws {Problem} when there is no colon. */
export function splitDestination(text: string): { readonly host: string; readonly ports: string } {
  const colon = text.lastIndexOf(":");
  // In these words at github.com/juanfont/headscale/issues/2605.
  if (colon < 0) throw new Problem('hostport must contain a colon (":")');
  const host = text.slice(0, colon);
  const bare = /^\[(.*)\](\/\d+)?$/.exec(host);
  return { host: bare === null ? host : `${bare[1] ?? ""}${bare[2] ?? ""}`, ports: text.slice(colon + 1) };
}
