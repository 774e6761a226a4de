import type { TestFailure } from "./access-test.ts";
import { familyOf } from "./addresses.ts";
import { withImagined } from "./imagined.ts";
import type { Policy, SshTest } from "./policy.ts";
import { Problem } from "./problem.ts";
import { type Selector, parseSelector } from "./selector.ts";
import { type SshDecision, decideSsh, means } from "./ssh.ts";
import { type Node, type Tailnet, isTagged } from "./tailnet.ts";

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

/** "accept" is "without an additional check" (tailscale.com/docs/reference/syntax/policy-file, sshTests): each answer stands for itself. */
const WANTS: readonly SshDecision[] = ["accept", "check", "deny"];

function check(test: SshTest, policy: Policy, tailnet: Tailnet): string[] {
  const source = parseSelector(test.src, policy);
  const targets = test.dst.map((entry) => ({ entry, selector: parseSelector(entry, policy) }));
  const world = withImagined([source, ...targets.map(({ selector }) => selector)], policy, tailnet);
  const sources = world.nodes.filter((node) => means(source, node, policy, world));
  if (sources.length === 0) throw new Problem(`"${test.src}": no machine`);
  return targets.flatMap(({ entry, selector }) => {
    const pairs = sources.flatMap((from) => targetsOf(selector, from, policy, world).map((to) => ({ from, to })));
    if (pairs.length === 0) return [`"${entry}": no machine`];
    return WANTS.flatMap((want) =>
      test[want].flatMap((login) => unmet({ pairs, want, login, entry }, test, policy, world)),
    );
  });
}

/** One expectation of a test. */
interface Expectation {
  readonly pairs: readonly { readonly from: Node; readonly to: Node }[];
  readonly want: SshDecision;
  readonly login: string;
  /** The destination as the test names it. */
  readonly entry: string;
}

function unmet({ pairs, want, login, entry }: Expectation, test: SshTest, policy: Policy, world: Tailnet): string[] {
  const asTests = withoutSelf(policy);
  for (const { from, to } of pairs) {
    const got = decideSsh({ from, to, login }, asTests, world);
    if (got === want) continue;
    const [src, dst] = [from, to].map(({ addresses }) => addresses[0] ?? "");
    const sides = `src "${test.src}" at "${String(src)}", dst "${entry}" at "${String(dst)}"`;
    return [`${sides}, ssh user "${login}": want: "${want}" got: "${got}"`];
  }
  return [];
}

/** Tests do not see what a rule to `autogroup:self` lets in. Source: github.com/tailscale/tailscale/issues/14222. */
function withoutSelf(policy: Policy): Policy {
  const ssh = (policy.ssh ?? []).map((rule) => ({ ...rule, dst: rule.dst.filter((dst) => dst !== "autogroup:self") }));
  return { ...policy, ssh };
}

function failuresOf(test: SshTest, policy: Policy, tailnet: Tailnet): readonly string[] {
  if (test.dst.length === 0) return ["dst is empty"];
  if (WANTS.every((want) => test[want].length === 0)) return ["none of accept, check and deny is given"];
  try {
    return check(test, policy, tailnet);
  } catch (error) {
    if (error instanceof Problem) return [error.message];
    throw error;
  }
}

/** As Tailscale puts it, for instance in github.com/tailscale/tailscale/issues/14222. */
function runTest(test: SshTest, policy: Policy, tailnet: Tailnet): readonly string[] {
  return failuresOf(test, policy, tailnet).map((line) => `[ssh test error]: ${line}`);
}

/** Runs the `sshTests` of a valid policy. @returns the tests that failed, each with its reasons; a test that cannot be read has failed. */
export function runSshTests(policy: Policy, tailnet: Tailnet): TestFailure[] {
  return (policy.sshTests ?? [])
    .map((test) => ({ user: test.src, errors: runTest(test, policy, tailnet) }))
    .filter(({ errors }) => errors.length > 0);
}
