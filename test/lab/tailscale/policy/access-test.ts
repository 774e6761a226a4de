import { familyOf } from "./addresses.ts";
import { type FilterRule, compileRules, permits, permitsPing } from "./compile.ts";
import { withImagined } from "./imagined.ts";
import type { Policy, PolicyTest } from "./policy.ts";
import { PORT_PROTOCOLS, parseProto } from "./ports.ts";
import { Problem } from "./problem.ts";
import { isSingle, selects } from "./resolve.ts";
import { type Selector, parseSelector, splitDestination, trySelector } from "./selector.ts";
import type { Tailnet } from "./tailnet.ts";

/** What failed of one test: its src and a line for each failed expectation. */
export interface TestFailure {
  readonly user: string;
  readonly errors: readonly string[];
}

/** One side of a test: the addresses of each machine it means. */
type Machines = readonly (readonly string[])[];

const ICMP = 1;

interface Target {
  readonly selector: Selector;
  readonly port: number;
}

/** An IPv6 address stands in brackets, or its last group would be read as the port. */
function parseTarget(entry: string, policy: Policy, protocols: readonly number[]): Target {
  const { host, ports } = splitDestination(entry);
  const selector = parseSelector(host, policy);
  const isBare = selector.kind === "address" && familyOf(selector.address) === "ipv6" && !entry.startsWith("[");
  if (!isSingle(selector) || isBare) throw new Problem(`"${host}" is not a single host`);
  const hasPorts = protocols.some((protocol) => PORT_PROTOCOLS.includes(protocol));
  if (!/^\d+$/.test(ports) || Number(ports) < (hasPorts ? 1 : 0) || Number(ports) > 65535)
    throw new Problem(`"${ports}" is not a single port`);
  return { selector, port: Number(ports) };
}

/** Tests go over TCP or UDP unless they say which. */
function testProtocols(proto: string): readonly number[] {
  return proto === "" ? [6, 17] : parseProto(proto);
}

/** Source: what Tailscale says of a test from an autogroup, github.com/tailscale/tailscale/issues/12370. */
function parseSource(text: string, policy: Policy): Selector {
  const selector = trySelector(text, policy);
  if (selector !== undefined && isSingle(selector) && selector.kind !== "service") return selector;
  throw new Problem(`user or host is invalid: unknown user or host: "${text}"`);
}

function machines(selector: Selector, policy: Policy, tailnet: Tailnet): Machines {
  // A host may be declared as a prefix of one address.
  if (selector.kind === "address" || selector.kind === "host") return [[selector.address.replace(/\/\d+$/, "")]];
  return tailnet.nodes.filter((node) => selects(selector, node, policy, tailnet)).map((node) => node.addresses);
}

/** What all tests of a policy are run in. */
interface World {
  readonly policy: Policy;
  readonly tailnet: Tailnet;
  readonly rules: readonly FilterRule[];
}

interface Run extends World {
  readonly sources: Machines;
  readonly proto: string;
  readonly protocols: readonly number[];
}

/** What became of each pair of a source and a destination machine: whether something of the one reaches something of the other. */
function outcomes(run: Run, entry: string): boolean[] {
  const { rules, protocols, policy, tailnet } = run;
  const target = parseTarget(entry, policy, protocols);
  const destinations = machines(target.selector, policy, tailnet);
  return run.sources.flatMap((from) =>
    destinations.map((to) =>
      from.some((src) =>
        to.some((dst) =>
          protocols.includes(ICMP)
            ? permitsPing(rules, src, dst)
            : permits(rules, { src, dst, protocols, port: target.port }),
        ),
      ),
    ),
  );
}

function expectation(run: Run, entry: string, want: "Accept" | "Drop"): string | undefined {
  const address = `address "${entry}"${run.proto === "" ? "" : ` (protocol "${run.proto}")`}`;
  try {
    const reached = outcomes(run, entry);
    if (reached.length === 0) return `${address}: no machine`;
    const met = reached.every((accepted) => accepted === (want === "Accept"));
    return met ? undefined : `${address}: want: ${want}, got: ${want === "Accept" ? "Drop" : "Accept"}`;
  } catch (error) {
    if (error instanceof Problem) return `${address}: ${error.message}`;
    throw error;
  }
}

/** Who the tests are about: every src and every destination that can be read. */
function named(test: PolicyTest, policy: Policy): Selector[] {
  const hosts = [...test.accept, ...test.allow, ...test.deny].map((entry) => entry.slice(0, entry.lastIndexOf(":")));
  return [sourceOf(test), ...hosts].map((host) => trySelector(host, policy)).filter((found) => found !== undefined);
}

function sourceOf(test: PolicyTest): string {
  return test.src === "" ? test.user : test.src;
}

function failuresOf(test: PolicyTest, world: World): string[] {
  try {
    const source = parseSource(sourceOf(test), world.policy);
    const sources = machines(source, world.policy, world.tailnet);
    if (sources.length === 0) return [`"${sourceOf(test)}": no machine`];
    const run = { ...world, sources, proto: test.proto, protocols: testProtocols(test.proto) };
    const accept = [...test.accept, ...test.allow];
    if (accept.length + test.deny.length === 0) return ["neither accept nor deny is given"];
    return [
      ...accept.map((entry) => expectation(run, entry, "Accept")),
      ...test.deny.map((entry) => expectation(run, entry, "Drop")),
    ].filter((line) => line !== undefined);
  } catch (error) {
    if (error instanceof Problem) return [error.message];
    throw error;
  }
}

/** As Tailscale puts it, for instance in github.com/tailscale/tailscale/issues/8377. */
function runTest(test: PolicyTest, world: World): readonly string[] {
  return failuresOf(test, world).map((line) => `[acl test error]: ${line}`);
}

/** Runs the `tests` of a valid policy. @returns the tests that failed, each with its reasons; a test that cannot be read has failed. */
export function runTests(policy: Policy, tailnet: Tailnet): TestFailure[] {
  const tests = policy.tests ?? [];
  if (tests.length === 0) return [];
  const peopled = withImagined(
    tests.flatMap((test) => named(test, policy)),
    policy,
    tailnet,
  );
  const world = { policy, tailnet: peopled, rules: compileRules(policy, peopled) };
  return tests
    .map((test) => ({ user: sourceOf(test), errors: runTest(test, world) }))
    .filter(({ errors }) => errors.length > 0);
}
