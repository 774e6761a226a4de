import type { TestFailure } from "./access-test.ts";
import { familyOf } from "./addresses.ts";
import { withImagined } from "./imagined.ts";
import type { Policy, SshTest } from "./policy.ts";
import { Problem } from "./problem.ts";
import { type Selector, parseSelector } from "./selector.ts";
import { type SshDecision, decideSsh, means } from "./ssh.ts";
import { type Node, type Tailnet, isTagged } from "./tailnet.ts";

/** Which decisions meet an expectation: a login that is checked is still let in. */
const MEETS: Readonly<Record<"accept" | "check" | "deny", readonly SshDecision[]>> = {
  accept: ["accept", "check"],
  check: ["check"],
  deny: ["deny"],
};

function isSelf(selector: Selector): boolean {
  return selector.kind === "autogroup" && selector.name === "self";
}

/**
 * A destination that is given as an IPv6 address is found at no machine: so Tailscale answered the one time it was seen to be asked,
 * for an address that a machine had by the record of it.
 */
function targetsOf(selector: Selector, from: Node, policy: Policy, tailnet: Tailnet): Node[] {
  if (selector.kind === "address" && familyOf(selector.address) === "ipv6") return [];
  if (!isSelf(selector)) return tailnet.nodes.filter((node) => means(selector, node, policy, tailnet));
  return isTagged(from) ? [] : tailnet.nodes.filter((node) => !isTagged(node) && node.user === from.user);
}

function check(test: SshTest, policy: Policy, tailnet: Tailnet): string[] {
  const source = parseSelector(test.src, policy);
  const targets = test.dst.map((entry) => ({ entry, selector: parseSelector(entry, policy) }));
  const world = withImagined([source, ...targets.map(({ selector }) => selector)], policy, tailnet);
  const sources = world.nodes.filter((node) => means(source, node, policy, world));
  if (sources.length === 0) throw new Problem(`"${test.src}": no machine`);
  const errors: string[] = [];
  for (const { entry, selector } of targets) {
    const pairs = sources.flatMap((from) => targetsOf(selector, from, policy, world).map((to) => ({ from, to })));
    if (pairs.length === 0) errors.push(`"${entry}": no machine`);
    for (const want of ["accept", "check", "deny"] as const) {
      for (const login of test[want]) {
        const got = pairs
          .map((pair) => decideSsh({ ...pair, login }, policy, world))
          .find((decision) => !MEETS[want].includes(decision));
        if (got !== undefined) errors.push(`user "${login}" at "${entry}": want: ${want}, got: ${got}`);
      }
    }
  }
  return errors;
}

function runTest(test: SshTest, policy: Policy, tailnet: Tailnet): readonly string[] {
  if (test.dst.length === 0) return ["dst is empty"];
  if (test.accept.length + test.check.length + test.deny.length === 0)
    return ["none of accept, check and deny is given"];
  try {
    return check(test, policy, tailnet);
  } catch (error) {
    if (error instanceof Problem) return [error.message];
    throw error;
  }
}

/** Runs the `sshTests` of a valid policy. @returns the tests that failed, each with its reasons; a test that cannot be read has failed. */
export function runSshTests(policy: Policy, tailnet: Tailnet): TestFailure[] {
  return (policy.sshTests ?? [])
    .map((test) => ({ user: test.src, errors: runTest(test, policy, tailnet) }))
    .filter(({ errors }) => errors.length > 0);
}
