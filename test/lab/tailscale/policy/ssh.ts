import { covers } from "./addresses.ts";
import type { Policy, SshRule } from "./policy.ts";
import { selects } from "./resolve.ts";
import { type Selector, trySelector } from "./selector.ts";
import { type Node, type Tailnet, domainOf, isTagged } from "./tailnet.ts";

/** How a login is let in: at once, after the person has signed in again, or not. */
export type SshDecision = "accept" | "check" | "deny";

/** Whether a selector means this machine, by whom it belongs to or by its address. */
export function means(selector: Selector, node: Node, policy: Policy, tailnet: Tailnet): boolean {
  if (selector.kind === "address" || selector.kind === "host") {
    return node.addresses.some((address) => covers([selector.address], address));
  }
  return selects(selector, node, policy, tailnet);
}

function ownerOf(node: Node): string | undefined {
  return isTagged(node) ? undefined : node.user;
}

/** What an entry of `users` makes of a login name. An entry of no special form is the login name itself. */
function allowsLogin(entry: string, login: string, from: Node): boolean {
  if (entry === "autogroup:nonroot") return login !== "root";
  const domain = /^localpart:\*@(.+)$/.exec(entry)?.[1];
  if (domain === undefined) return entry === login;
  const owner = ownerOf(from);
  return owner !== undefined && domainOf(owner) === domain && owner === `${login}@${domain}`;
}

function coversDestination(entry: string, from: Node, to: Node, policy: Policy, tailnet: Tailnet): boolean {
  if (entry === "autogroup:self") return ownerOf(to) !== undefined && ownerOf(to) === ownerOf(from);
  const selector = trySelector(entry, policy);
  return selector !== undefined && selects(selector, to, policy, tailnet);
}

function applies(rule: SshRule, from: Node, to: Node, login: string, policy: Policy, tailnet: Tailnet): boolean {
  const matches = (entry: string): boolean => {
    const selector = trySelector(entry, policy);
    return selector !== undefined && means(selector, from, policy, tailnet);
  };
  return (
    rule.src.some(matches) &&
    rule.dst.some((entry) => coversDestination(entry, from, to, policy, tailnet)) &&
    rule.users.some((entry) => allowsLogin(entry, login, from))
  );
}

/**
 * What the `ssh` rules make of a login. Whether the network lets it through is not asked, as Tailscale's own tests do not.
 * Check rules come before accept rules. Source: tailscale.com/docs/features/tailscale-ssh.
 */
export function decideSsh(
  attempt: { readonly from: Node; readonly to: Node; readonly login: string },
  policy: Policy,
  tailnet: Tailnet,
): SshDecision {
  const { from, to, login } = attempt;
  const found = (policy.ssh ?? []).filter((rule) => applies(rule, from, to, login, policy, tailnet));
  if (found.length === 0) return "deny";
  return found.some((rule) => rule.action === "check") ? "check" : "accept";
}
