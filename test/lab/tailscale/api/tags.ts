import type { Policy } from "../policy/policy.ts";
import { parseHujson } from "../policy/hujson.ts";
import { decodePolicy } from "../policy/policy.ts";
import type { User } from "../policy/tailnet.ts";
import type { Actor } from "./actor.ts";
import { ApiError } from "./reply.ts";

/** Administrators who may assign every tag. Source: "tagOwners" of tailscale.com/docs/reference/syntax/policy-file. */
const ASSIGN_ALL = new Set(["owner", "admin", "network-admin"]);

function ownsAsUser(user: User, owners: readonly string[], policy: Policy): boolean {
  if (ASSIGN_ALL.has(user.role ?? "member")) return true;
  return owners.some(
    (owner) =>
      owner === user.login ||
      (owner.startsWith("group:") && (policy.groups[owner] ?? []).includes(user.login)) ||
      owner === "autogroup:member" ||
      owner === `autogroup:${user.role ?? "member"}`,
  );
}

function owns(actor: Actor, tag: string, policy: Policy): boolean {
  const owners = policy.tagOwners[tag];
  if (owners === undefined) return false;
  return actor.kind === "user"
    ? ownsAsUser(actor.user, owners, policy)
    : owners.some((owner) => actor.tags.includes(owner));
}

function notPermitted(tags: readonly string[]): ApiError {
  return new ApiError(400, `requested tags [${tags.join(" ")}] are invalid or not permitted`);
}

function policyOf(text: string): Policy {
  return decodePolicy(parseHujson(text));
}

/** Tags of a machine or an auth key: those of the credential, all of them, or tags that these own. @throws {ApiError} 400 */
export function requireAssignable(actor: Actor, tags: readonly string[], policyText: string): void {
  const policy = policyOf(policyText);
  const same =
    actor.kind === "client" &&
    tags.length === actor.tags.length &&
    tags.every((tag) => actor.tags.includes(tag) && Object.hasOwn(policy.tagOwners, tag));
  if (!same && !tags.every((tag) => owns(actor, tag, policy))) throw notPermitted(tags);
}

/** Tags of a new credential: any that the maker holds or owns. @throws {ApiError} 400 */
export function requireGrantable(actor: Actor, tags: readonly string[], policyText: string): void {
  const policy = policyOf(policyText);
  const holds = (tag: string): boolean =>
    actor.kind === "client" && actor.tags.includes(tag) && Object.hasOwn(policy.tagOwners, tag);
  if (!tags.every((tag) => holds(tag) || owns(actor, tag, policy))) throw notPermitted(tags);
}
