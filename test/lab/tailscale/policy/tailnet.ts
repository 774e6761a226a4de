/** What one of the tailnet's administrators may be; every user is a member. */
export type Role = "owner" | "admin" | "it-admin" | "network-admin" | "billing-admin" | "auditor" | "member";

/** A user of the tailnet. */
export interface User {
  /** Login name, e.g. "alice@example.com". */
  readonly login: string;
  /** @default "member" */
  readonly role?: Role;
}

/** A machine of the tailnet: it belongs to a user or carries tags, never both. */
export interface Node {
  readonly name: string;
  /** Its tailnet addresses, IPv4 and IPv6, without prefix length. */
  readonly addresses: readonly string[];
  /** Login name of its owner. Ignored when the machine carries tags. */
  readonly user?: string;
  readonly tags?: readonly string[];
  /** Approved subnet routes, as prefixes. Exit routes (`/0`) count for nothing in a packet filter. */
  readonly routes?: readonly string[];
}

/** The world a policy is judged in. */
export interface Tailnet {
  readonly users: readonly User[];
  readonly nodes: readonly Node[];
  /**
   * Domains of the tailnet's own identities, which `user:*@DOMAIN` and `localpart:*@DOMAIN` may name.
   * @default the domain of the first user's login
   */
  readonly domains?: readonly string[];
  /**
   * Whether what is let through to `autogroup:internet` counts: in a machine's own filter it does not, since exit nodes
   * let it through or not; in tests it does.
   * @default false
   */
  readonly internet?: boolean;
}

/** The part of a login after its "@", or "" when it has none. */
export function domainOf(login: string): string {
  const at = login.lastIndexOf("@");
  return at < 0 ? "" : login.slice(at + 1);
}

/** The domains of the tailnet's own identities. */
export function tailnetDomains(tailnet: Tailnet): readonly string[] {
  if (tailnet.domains !== undefined) return tailnet.domains;
  const [first] = tailnet.users;
  return first === undefined ? [] : [domainOf(first.login)];
}

/** Whether a machine carries tags, and so belongs to nobody. */
export function isTagged(node: Node): boolean {
  return (node.tags ?? []).length > 0;
}
