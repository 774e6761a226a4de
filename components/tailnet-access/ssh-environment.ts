/** Finds rules of Tailscale SSH that let a caller set what the server's receiver knows callers by. Pure. */
import { memberValue, parsePolicy, place, valueOf } from "./document.ts";
import { lowerKeys, strings } from "./entries.ts";

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
    const rule = lowerKeys(valueOf(node));
    const lists = (name: string, ...words: readonly string[]): boolean =>
      strings(rule.get(name)).some((word) => words.includes(word));
    const toUs = lists("dst", cacheTag, "*") && lists("users", account, "autogroup:nonroot", "*");
    return toUs && strings(rule.get("acceptenv")).length > 0 ? [`ssh[${index}] at ${place(text, node.offset)}`] : [];
  });
}
