import { isAddress } from "./addresses.ts";
import { validateAcl, validateGrant } from "./validate-access.ts";
import { validateSsh, validateSshTest } from "./validate-ssh.ts";
import type { Policy } from "./policy.ts";
import { Problem } from "./problem.ts";
import { parseSelector } from "./selector.ts";
import type { Tailnet } from "./tailnet.ts";

/** Of several groups with this fault Tailscale names the last. */
function validateGroups(policy: Policy): void {
  for (const [name, members] of Object.entries(policy.groups).reverse()) {
    if (!name.startsWith("group:")) throw new Problem(`groups["${name}"]: group names must start with 'group:'`);
    for (const member of members) {
      if (member.startsWith("group:"))
        throw new Problem(`groups["${name}"]: "${member}": group members cannot be recursive`);
      if (!member.includes("@")) throw new Problem(`groups["${name}"]: "${member}": invalid username`);
    }
  }
}

function tagProblem(tag: string): string | undefined {
  if (!tag.startsWith("tag:")) return "tags must start with 'tag:'";
  const name = tag.slice("tag:".length);
  if (name === "") return "tag names must not be empty";
  if (!/^[a-zA-Z]/.test(name)) return "tag names must start with a letter, after 'tag:'";
  return /^[a-zA-Z0-9-]+$/.test(name) ? undefined : "tag names can only contain numbers, letters, or dashes";
}

function validateTagOwners(policy: Policy): void {
  for (const [tag, owners] of Object.entries(policy.tagOwners)) {
    const problem = tagProblem(tag);
    if (problem !== undefined) throw new Problem(`tagOwners["${tag}"]: ${problem}`);
    for (const owner of owners) {
      const selector = within(`tagOwners["${tag}"]`, () => parseSelector(owner, policy));
      if (!["user", "domain", "group", "tag", "autogroup"].includes(selector.kind)) {
        throw new Problem(`tagOwners["${tag}"]: "${owner}": invalid tag owner`);
      }
    }
  }
}

function validateHosts(policy: Policy): void {
  for (const [name, address] of Object.entries(policy.hosts)) {
    if (name.includes("@") || name.includes(":")) throw new Problem(`hosts["${name}"]: invalid host name`);
    if (!isAddress(address)) throw new Problem(`hosts["${name}"]: "${address}": invalid address`);
  }
}

/** Puts where a problem is before what it is. */
function within<T>(where: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof Problem) throw new Problem(`${where}: ${error.message}`);
    throw error;
  }
}

/** Tailscale's own answer to `autogroup:self` here is a failure of its server. */
function validateTarget(target: string, policy: Policy): void {
  parseSelector(target, policy);
  if (target === "autogroup:self") throw new Problem("internal server error", 500);
}

function validateNodeAttrs(policy: Policy): void {
  for (const entry of policy.nodeAttrs ?? []) {
    for (const target of entry.target) validateTarget(target, policy);
    for (const pool of entry.ipPool) {
      if (!isAddress(pool)) throw new Problem(`"${pool}": invalid address`);
      if (pool.startsWith("100.100.100.") || pool.startsWith("100.115.92.")) {
        throw new Problem(`IPPool(${pool}): network within reserved range`);
      }
    }
  }
}

function validateAutoApprovers(policy: Policy): void {
  const approvers = policy.autoApprovers;
  const lists = [...Object.values(approvers?.routes ?? {}), approvers?.exitNode ?? []];
  for (const name of lists.flat()) within("autoApprovers", () => parseSelector(name, policy));
}

function usesBothMemberNames(policy: Policy): boolean {
  const rules = [...(policy.acls ?? []), ...(policy.grants ?? [])].flatMap((rule) => [...rule.src, ...rule.dst]);
  const has = (name: string): boolean => rules.some((entry) => entry === name || entry.startsWith(`${name}:`));
  return has("autogroup:member") && has("autogroup:members");
}

/**
 * Everything about a policy that can be wrong before it is tried.
 * @throws {Problem} with the first fault, in Tailscale's words where they are known.
 */
export function validatePolicy(policy: Policy, tailnet: Tailnet): void {
  validateGroups(policy);
  validateTagOwners(policy);
  validateHosts(policy);
  if (usesBothMemberNames(policy)) throw new Problem("cannot use both autogroup:member and autogroup:members");
  for (const rule of policy.acls ?? []) validateAcl(rule, policy);
  for (const rule of policy.grants ?? []) validateGrant(rule, policy);
  for (const rule of policy.ssh ?? []) validateSsh(rule, policy, tailnet);
  validateNodeAttrs(policy);
  validateAutoApprovers(policy);
  for (const test of policy.sshTests ?? []) validateSshTest(test, policy);
}
