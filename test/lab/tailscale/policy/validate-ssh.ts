import { isRange } from "./addresses.ts";
import type { Policy, SshRule, SshTest } from "./policy.ts";
import { Problem } from "./problem.ts";
import { type Selector, trySelector } from "./selector.ts";
import { sourceSelectors } from "./validate-access.ts";
import { parseDuration, printDuration } from "./duration.ts";
import { type Tailnet, tailnetDomains } from "./tailnet.ts";

const WEEK_MS = 168 * 3_600_000;

/** Autogroups that mean no machine of the tailnet. */
const NO_MACHINE = new Set(["internet", "shared", "danger-all", "nonroot"]);

function validateAction(action: string): void {
  if (action === "") throw new Problem("action must be specified");
  if (action !== "accept" && action !== "check") throw new Problem(`"${action}" is not a valid action`);
}

function validateDomain(domain: string, tailnet: Tailnet): void {
  if (tailnetDomains(tailnet).includes(domain)) return;
  throw new Problem(`${domain} is not associated with this Tailnet and cannot be used in user:*@<domain> expressions`);
}

/** Anything but "*" and "" is taken as the name of an account. */
function validateUsers(rule: SshRule, tailnet: Tailnet): void {
  if (rule.users.length === 0) throw new Problem("users must be specified");
  for (const user of rule.users) {
    if (user === "" || user === "*") throw new Problem(`user "${user}" is not valid`);
    const domain = /^localpart:\*@(.+)$/.exec(user)?.[1];
    if (domain !== undefined) validateDomain(domain, tailnet);
  }
}

function validateCheckPeriod(period: string): void {
  if (period === "" || period === "always") return;
  const duration = parseDuration(period);
  if (duration === undefined) throw new Problem(`time: invalid duration "${period}"`);
  if (duration < 0) throw new Problem(`checkPeriod ${printDuration(duration)} must be a positive duration`);
  if (duration > WEEK_MS) throw new Problem(`checkPeriod ${printDuration(duration)} is above the max (168h)`);
}

const isTagSource = (selector: Selector): boolean =>
  selector.kind === "tag" || (selector.kind === "autogroup" && selector.name === "tagged");

/** Allowed: user to their own devices, user to tagged, tagged to tagged. Source: tailscale.com/docs/features/tailscale-ssh. */
function validatePair(entry: string, dst: Selector, sources: readonly Selector[], entries: readonly string[]): void {
  const tagged = sources.some(isTagSource);
  switch (dst.kind) {
    case "tag":
      return;
    case "user":
      if (entries.every((source) => source === dst.login)) return;
      // In these words at github.com/juanfont/headscale/issues/3010.
      throw new Problem("users in dst are only allowed from the same user");
    case "autogroup":
      if (dst.name === "tagged" || ((dst.name === "self" || dst.name === "member") && !tagged)) return;
      throw new Problem(
        dst.name === "self"
          ? "autogroup:self can only be used with users, groups, or supported autogroups"
          : `invalid dst "${entry}"`,
      );
    default:
      throw new Problem(`invalid dst "${entry}"`);
  }
}

/** Users, groups, tags and autogroups of the tailnet. Source: the same page, and github.com/tailscale/tailscale/issues/5824 for the words. */
function maySignIn(selector: Selector): boolean {
  if (selector.kind === "autogroup") return !NO_MACHINE.has(selector.name);
  return ["user", "domain", "group", "tag"].includes(selector.kind);
}

/** @throws {Problem} with the first fault of an `ssh` rule. */
export function validateSsh(rule: SshRule, policy: Policy, tailnet: Tailnet): void {
  validateAction(rule.action);
  validateUsers(rule, tailnet);
  validateCheckPeriod(rule.checkPeriod);
  if (rule.acceptEnv.includes("")) throw new Problem("acceptEnv values cannot be empty");
  const sources = sourceSelectors(rule.src, policy);
  for (const [index, selector] of sources.entries()) {
    if (!maySignIn(selector)) throw new Problem(`"${rule.src[index] ?? ""}" is not allowed in src`);
    if (selector.kind === "domain" && !tailnetDomains(tailnet).includes(selector.domain)) {
      throw new Problem(
        `[ssh] ${selector.domain} is not associated with this Tailnet and cannot be used in user:*@<domain> expressions`,
      );
    }
  }
  if (rule.action === "check" && sources.some(isTagSource))
    throw new Problem('a rule with a tag in src cannot have the action "check"');
  for (const entry of rule.dst) validatePair(entry, sshDestination(entry, policy), sources, rule.src);
}

function sshDestination(entry: string, policy: Policy): Selector {
  if (entry.startsWith("tag:")) {
    const selector = trySelector(entry, policy);
    if (selector === undefined) throw new Problem(`dst="${entry}": tag not found: "${entry}"`);
    return selector;
  }
  const selector = trySelector(entry, policy);
  if (selector === undefined) throw new Problem(`invalid dst "${entry}"`);
  return selector;
}

function isAllowedInTest(selector: Selector | undefined): boolean {
  if (selector === undefined || selector.kind === "any") return false;
  if (selector.kind === "address") return !selector.address.includes("/");
  if (selector.kind === "host") return !isRange(selector.address);
  return selector.kind !== "autogroup" || !NO_MACHINE.has(selector.name);
}

/** @param side as the messages name it */
function validateTestEntry(entry: string, side: "src" | "dst", policy: Policy): void {
  const selector = trySelector(entry, policy);
  if (selector === undefined && /^tag:[^:]*$/.test(entry)) {
    throw new Problem(`SSH tests ${side} contains unknown tag "${entry}"`);
  }
  const isAutogroupSource = side === "src" && selector?.kind === "autogroup";
  if (isAutogroupSource || !isAllowedInTest(selector)) {
    throw new Problem(`SSH tests ${side} contains disallowed element "${entry}"`);
  }
}

/**
 * A test may name a tag, a user, a group, a host or an address; anything else is refused before a test is run.
 * Source for src: github.com/tailscale/tailscale/issues/14102.
 * @throws {Problem}
 */
export function validateSshTest(test: SshTest, policy: Policy): void {
  if (test.src !== "") validateTestEntry(test.src, "src", policy);
  for (const entry of test.dst) validateTestEntry(entry, "dst", policy);
}
