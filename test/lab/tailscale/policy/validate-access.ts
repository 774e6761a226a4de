import type { AclRule, GrantRule, Policy } from "./policy.ts";
import { PORT_PROTOCOLS, ALL_PORTS, parseGrantIp, parsePortList, parseProto } from "./ports.ts";
import { Problem } from "./problem.ts";
import { type Selector, parseSelector, splitDestination } from "./selector.ts";

const SELF_RULE = "autogroup:self can only be used with users, groups, or supported autogroups";

/** Capabilities of Tailscale's own that a policy may grant. Source: which of them its control plane took, and tailscale.com/docs/reference/grants-app-capabilities. */
const OWN_CAPABILITIES = new Set(
  ["drive", "kubernetes", "webui", "relay", "golink", "tsidp", "secrets", "tailsql"].map(
    (name) => `tailscale.com/cap/${name}`,
  ),
);

function autogroupName(selector: Selector): string | undefined {
  return selector.kind === "autogroup" ? selector.name : undefined;
}

/** Reads the src side. @throws {Problem} */
export function sourceSelectors(entries: readonly string[], policy: Policy): Selector[] {
  return entries.map((entry) => {
    const selector = sourceSelector(entry, policy);
    const name = autogroupName(selector);
    if (name === "self" || name === "internet" || name === "nonroot") {
      throw new Problem(`"${entry}" not valid on the src side of a rule`);
    }
    return selector;
  });
}

function sourceSelector(entry: string, policy: Policy): Selector {
  try {
    return parseSelector(entry, policy);
  } catch (error) {
    if (error instanceof Problem) throw new Problem(`src=${error.message}`);
    throw error;
  }
}

function destinationSelector(entry: string, policy: Policy): Selector {
  try {
    const selector = parseSelector(entry, policy);
    if (autogroupName(selector) === "danger-all") throw new Problem("cannot use autogroup:danger-all as a dst");
    return selector;
  } catch (error) {
    if (error instanceof Problem && !error.message.startsWith("cannot use"))
      throw new Problem(`dst="${entry}": ${error.message}`);
    throw error;
  }
}

/** Who may be the src of a rule to `autogroup:self`. An acl may say "*" there, a grant may not. */
function mayReachSelf(selector: Selector, any: boolean): boolean {
  if (selector.kind === "any") return any;
  if (selector.kind === "autogroup") return !["tagged", "danger-all", "shared"].includes(selector.name);
  return selector.kind === "user" || selector.kind === "group" || selector.kind === "domain";
}

function aclDestination(entry: string, policy: Policy, protocols: readonly number[]): Selector {
  const { host, ports } = inDestination(entry, () => splitDestination(entry));
  if (host === "autogroup" || host === "tag" || host === "group") throw missingPort(entry, ports);
  inDestination(entry, () => {
    for (const range of parsePortList(ports)) {
      if (range !== ALL_PORTS && !protocols.some((protocol) => PORT_PROTOCOLS.includes(protocol))) {
        throw new Problem(`proto does not have ports; use "*" as the port`);
      }
    }
  });
  return destinationSelector(host, policy);
}

/** Puts the destination before what is wrong with it. */
function inDestination<T>(entry: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof Problem) throw new Problem(`dst="${entry}": ${error.message}`);
    throw error;
  }
}

/** "tag:server" without a port reads as host "tag" and port "server". */
function missingPort(entry: string, ports: string): Problem {
  return new Problem(`dst="${entry}": port range "${ports}": invalid first integer`);
}

/** @throws {Problem} with the first fault of an `acls` rule. */
export function validateAcl(rule: AclRule, policy: Policy): void {
  if (rule.action !== "accept") throw new Problem(`action="${rule.action}" is not supported`);
  const protocols = parseProto(rule.proto);
  const sources = sourceSelectors([...rule.src, ...rule.users], policy);
  const destinations = [...rule.dst, ...rule.ports].map((entry) => aclDestination(entry, policy, protocols));
  const self = destinations.some((selector) => autogroupName(selector) === "self");
  if (self && !sources.every((selector) => mayReachSelf(selector, true))) throw new Problem(SELF_RULE);
}

function validateCapability(name: string): void {
  if (!/^[^/:]+\.[^/:]+\/.+$/.test(name)) throw new Problem("capability name must have the form {domain}/{path}");
  if (/^(.*\.)?tailscale\.com\//.test(name) && !OWN_CAPABILITIES.has(name)) {
    throw new Problem("capability name must not be in the tailscale.com domain");
  }
}

function grantDestination(entry: string, policy: Policy): Selector {
  if (/\/0+$/.test(entry))
    throw new Problem(`dst "${entry}": to allow all IP addresses, use "*" or "autogroup:internet"`);
  return destinationSelector(entry, policy);
}

function validateVia(entry: string, policy: Policy): void {
  if (!entry.startsWith("tag:")) throw new Problem("via can only be a tag");
  if (!Object.hasOwn(policy.tagOwners, entry)) throw new Problem(`tag "${entry}" not found`);
}

/** @throws {Problem} with the first fault of a grant. */
export function validateGrant(rule: GrantRule, policy: Policy): void {
  const capabilities = Object.keys(rule.app);
  if (rule.ip.length === 0 && capabilities.length === 0) throw new Problem("ip and app can not both be empty");
  for (const entry of rule.ip) parseGrantIp(entry);
  for (const name of capabilities) validateCapability(name);
  const sources = sourceSelectors(rule.src, policy);
  const destinations = rule.dst.map((entry) => grantDestination(entry, policy));
  for (const entry of rule.via) validateVia(entry, policy);
  const names = destinations.map(autogroupName);
  if (names.includes("internet") && capabilities.length > 0)
    throw new Problem("cannot use app grants with autogroup:internet");
  if (names.includes("self") && !sources.every((selector) => mayReachSelf(selector, false)))
    throw new Problem(SELF_RULE);
}
