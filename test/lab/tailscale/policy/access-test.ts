import { type FilterRule, compileRules, permits } from "./compile.ts";
import { withImagined } from "./imagined.ts";
import type { Policy, PolicyTest } from "./policy.ts";
import { parseProto } from "./ports.ts";
import { Problem } from "./problem.ts";
import { isSingle, selects } from "./resolve.ts";
import { type Selector, parseSelector, splitDestination, trySelector } from "./selector.ts";
import { type Tailnet, isTagged } from "./tailnet.ts";

/** What failed of one test: its src and a line for each failed expectation. */
export interface TestFailure {
  readonly user: string;
  readonly errors: readonly string[];
}

/** One side of a test: the addresses of each machine it means. */
type Machines = readonly (readonly string[])[];

interface Target {
  readonly selector: Selector;
  readonly port: number;
}

function parseTarget(entry: string, policy: Policy): Target {
  const { host, ports } = splitDestination(entry);
  const selector = parseSelector(host, policy);
  const internet = selector.kind === "autogroup" && selector.name === "internet";
  if (!isSingle(selector) || internet) throw new Problem(`"${host}" is not a single host`);
  if (!/^\d+$/.test(ports) || Number(ports) < 1 || Number(ports) > 65535)
    throw new Problem(`"${ports}" is not a single port`);
  return { selector, port: Number(ports) };
}

/** Tests go over TCP and UDP unless they say which; ICMP has no ports to test. */
function testProtocols(proto: string): readonly number[] {
  if (proto === "") return [6, 17];
  const protocols = parseProto(proto);
  if (!protocols.every((protocol) => [6, 17, 132].includes(protocol)))
    throw new Problem(`proto "${proto}" cannot be tested`);
  return protocols;
}

function machines(selector: Selector, policy: Policy, tailnet: Tailnet): Machines {
  if (selector.kind === "address" || selector.kind === "host") return [[selector.address]];
  return tailnet.nodes.filter((node) => selects(selector, node, policy, tailnet)).map((node) => node.addresses);
}

/** `autogroup:self` as a destination: the machines of the user that the source is; nothing for a tag. */
function targetsOf(target: Target, source: Selector, policy: Policy, tailnet: Tailnet): Machines {
  const self = target.selector.kind === "autogroup" && target.selector.name === "self";
  if (!self) return machines(target.selector, policy, tailnet);
  return tailnet.nodes
    .filter((node) => !isTagged(node) && selects(source, node, policy, tailnet))
    .map((node) => node.addresses);
}

/** What all tests of a policy are run in. */
interface World {
  readonly policy: Policy;
  readonly tailnet: Tailnet;
  readonly rules: readonly FilterRule[];
}

interface Run extends World {
  readonly source: Selector;
  readonly sources: Machines;
  readonly protocols: readonly number[];
}

/** What became of each pair of a source and a destination machine: whether something of the one reaches something of the other. */
function outcomes(run: Run, entry: string): boolean[] {
  const target = parseTarget(entry, run.policy);
  const destinations = targetsOf(target, run.source, run.policy, run.tailnet);
  return run.sources.flatMap((from) =>
    destinations.map((to) =>
      from.some((src) =>
        to.some((dst) => permits(run.rules, { src, dst, protocols: run.protocols, port: target.port })),
      ),
    ),
  );
}

function expectation(run: Run, entry: string, want: "Accept" | "Drop"): string | undefined {
  try {
    const reached = outcomes(run, entry);
    if (reached.length === 0) return `address "${entry}": no machine`;
    const met = reached.every((accepted) => accepted === (want === "Accept"));
    return met ? undefined : `address "${entry}": want: ${want}, got: ${want === "Accept" ? "Drop" : "Accept"}`;
  } catch (error) {
    if (error instanceof Problem) return `address "${entry}": ${error.message}`;
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

function runTest(test: PolicyTest, world: World): readonly string[] {
  try {
    const source = parseSelector(sourceOf(test), world.policy);
    const sources = machines(source, world.policy, world.tailnet);
    if (sources.length === 0) return [`"${sourceOf(test)}": no machine`];
    const run = { ...world, source, sources, protocols: testProtocols(test.proto) };
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
