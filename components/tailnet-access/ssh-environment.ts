/** Finds rules of Tailscale SSH that let a caller set what the server's receiver knows callers by. Pure. */
import { memberValue, parsePolicy, place, valueOf } from "./document.ts";
import { isList, type Json } from "./entries.ts";

/**
 * A line for each ssh rule with `acceptEnv` that lets its sources log in to the cache as the upload account: with
 * SSH_CLIENT set, one builder could pass for another. Tailscale needs a node attribute besides, which is not looked at.
 *
 * @param account the upload account; a rule may name it, or every account that is not root
 * @throws PolicyError when the text is no policy
 */
export function rulesWithEnvironment(text: string, cacheTag: string, account: string): string[] {
  const policy = parsePolicy(text);
  const member = policy.members.get("ssh");
  const rules = member === undefined ? [] : (memberValue(member).children ?? []);
  return rules.flatMap((node, index) => {
    const rule = valueOf(node);
    const lists = (name: string, ...words: readonly string[]): boolean =>
      textsIn(rule, name).some((word) => words.includes(word));
    const toUs = lists("dst", cacheTag, "*") && lists("users", account, "autogroup:nonroot", "*");
    return toUs && textsIn(rule, "acceptEnv").length > 0 ? [`ssh[${index}] at ${place(text, node.offset)}`] : [];
  });
}

/** Names are compared without their case, as Tailscale's decoder does. */
function textsIn(rule: Json, name: string): readonly string[] {
  if (typeof rule !== "object" || rule === null || isList(rule)) return [];
  const [, value] = Object.entries(rule).find(([key]) => key.toLowerCase() === name.toLowerCase()) ?? [];
  return value !== undefined && value !== null && isList(value)
    ? value.filter((item): item is string => typeof item === "string")
    : [];
}
