import type { Policy } from "./policy.ts";
import { selects } from "./resolve.ts";
import type { Selector } from "./selector.ts";
import type { Node, Tailnet } from "./tailnet.ts";

/** An identity that has no machine yet: a test is run as if it had one. Its addresses are the last that Tailscale would give out. */
function imagined(identity: Pick<Node, "tags" | "user">, index: number): Node {
  const number = index + 1;
  return {
    name: `imagined-${number}`,
    addresses: [`100.127.255.${254 - number}`, `fd7a:115c:a1e0::ffff:${number.toString(16)}`],
    ...identity,
  };
}

function known(login: string, tailnet: Tailnet): boolean {
  return tailnet.users.some((user) => user.login === login);
}

function identities(selector: Selector, policy: Policy, tailnet: Tailnet): Pick<Node, "tags" | "user">[] {
  if (selector.kind === "tag") return [{ tags: [selector.name] }];
  const logins =
    selector.kind === "user" ? [selector.login] : selector.kind === "group" ? (policy.groups[selector.name] ?? []) : [];
  return logins.filter((login) => known(login, tailnet)).map((user) => ({ user }));
}

/**
 * The tailnet in which tests are run. "The test case runs from the perspective of a device authenticated with the provided identity"
 * (tailscale.com/docs/reference/syntax/policy-file): a tag that is declared, or a user who exists, is tested before any machine has it.
 */
export function withImagined(selectors: readonly Selector[], policy: Policy, tailnet: Tailnet): Tailnet {
  const wanted = new Map<string, Pick<Node, "tags" | "user">>();
  for (const selector of selectors) {
    for (const identity of identities(selector, policy, tailnet)) wanted.set(JSON.stringify(identity), identity);
  }
  const missing = [...wanted.values()].filter(({ tags, user }) => {
    const selector: Selector =
      user === undefined ? { kind: "tag", name: tags?.[0] ?? "" } : { kind: "user", login: user };
    return !tailnet.nodes.some((node) => selects(selector, node, policy, tailnet));
  });
  return { ...tailnet, internet: true, nodes: [...tailnet.nodes, ...missing.map(imagined)] };
}
