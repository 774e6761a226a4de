/** What of a stack's entries a given policy still lacks, in the words that this policy uses. */
import { memberValue, type PolicyDocument, valueOf } from "./document.ts";
import {
  isList,
  type Json,
  type PolicyEntries,
  type PolicyEntry,
  PolicyError,
  sameJson,
  type SectionName,
} from "./entries.ts";

/** An entry to be added; `key` is the tag in `tagOwners`, "" elsewhere. */
export interface WantedEntry {
  readonly key: string;
  readonly value: Json;
}

export type Wanted = ReadonlyMap<SectionName, readonly WantedEntry[]>;

/** What a policy without any rule means to Tailscale. */
const allowAll: PolicyEntry = { src: ["*"], dst: ["*"], ip: ["*"] };

/**
 * Works out what to add. What the user wrote themselves already is left to them.
 *
 * A policy with neither `acls` nor `grants` lets everybody reach everything (tailscale.com/kb/1337/policy-syntax), until
 * the first grant is in it. So that nobody loses access by ours, such a policy gets that grant in words too.
 *
 * @param policy without entries of this stack
 * @throws PolicyError when a tag of the stack is there already with other owners, or is another stack's
 */
export function wantedEntries(policy: PolicyDocument, entries: PolicyEntries): Wanted {
  const inWords = usesLegacyName(policy) ? withLegacyName : (entry: PolicyEntry): PolicyEntry => entry;
  const list = (name: SectionName, values: readonly PolicyEntry[]): readonly [SectionName, WantedEntry[]] => [
    name,
    values
      .map(inWords)
      .filter((value) => !isTheirs(policy, name, value))
      .map((value) => ({ key: "", value })),
  ];
  const implied = entries.grants.length > 0 && !hasRules(policy) ? [allowAll] : [];
  return new Map([
    ["tagOwners", Object.entries(entries.tagOwners).flatMap(([tag, owners]) => owned(policy, tag, owners))],
    list("grants", [...implied, ...entries.grants]),
    list("ssh", entries.ssh),
    list("tests", entries.tests),
    list("sshTests", entries.sshTests),
  ]);
}

/** Whether anybody but stacks like this one wrote a rule, were it an empty list. */
export function hasRules(policy: PolicyDocument): boolean {
  const acls = policy.members.get("acls");
  if (acls !== undefined && memberValue(acls).type !== "null") return true;
  const grants = policy.sections.get("grants");
  if (grants === undefined || grants.node.type === "null") return false;
  return grants.mark === undefined || grants.entries.some(({ owner }) => owner === undefined);
}

/** Whether the user wrote this very entry themselves. Only entries that name the same tag are read, for speed. */
function isTheirs({ text, sections }: PolicyDocument, name: SectionName, value: PolicyEntry): boolean {
  const [hint = ""] = /tag:[A-Za-z0-9-]+/.exec(JSON.stringify(value)) ?? [];
  const candidates = (sections.get(name)?.entries ?? []).filter(
    ({ owner, node }) => owner === undefined && text.slice(node.offset, node.offset + node.length).includes(hint),
  );
  return candidates.some((entry) => sameJson(entry.value, value));
}

/** The owners of a tag to be added; none where the user has declared the tag with the same owners. */
function owned(policy: PolicyDocument, tag: string, owners: readonly string[]): WantedEntry[] {
  const found = policy.sections.get("tagOwners")?.entries.find(({ key }) => key === tag);
  if (found === undefined) return [{ key: tag, value: owners }];
  if (found.owner !== undefined) {
    const other = `belongs to another stack, the one of ${found.owner}`;
    throw new PolicyError(`tailnet.tags: ${tag} ${other}. Give each stack tags of its own.`);
  }
  if (sameOwners(found.value, owners)) return [];
  throw new PolicyError(
    `tailnet.tags: the tailnet's policy declares ${tag} already, with the owners ${JSON.stringify(found.value)}; ` +
      `tailnet.owners says ${JSON.stringify(owners)}. If the tag is meant for this, set tailnet.owners to the former or ` +
      "take the tag out of tagOwners; if it is not, set another one in tailnet.tags.",
  );
}

/** No owners means the admins (tailscale.com/kb/1337/policy-syntax, "tagOwners"). */
function sameOwners(found: Json, owners: readonly string[]): boolean {
  const set = (list: readonly Json[]): Json => [...new Set(list.length === 0 ? ["autogroup:admin"] : list)].toSorted();
  return isList(found ?? []) && sameJson(set((found ?? []) as readonly Json[]), set(owners));
}

const current = "autogroup:member";
const legacy = "autogroup:members";

/** Tailscale refuses a policy that has both names of this autogroup, so the user's older name is taken up. */
function usesLegacyName(policy: PolicyDocument): boolean {
  if (!policy.text.includes(legacy)) return false;
  return ["acls", "grants"].some((name) => {
    const member = policy.members.get(name);
    return member !== undefined && mentions(valueOf(memberValue(member)), legacy);
  });
}

function mentions(value: Json, name: string): boolean {
  if (typeof value === "string") return value === name || value.startsWith(`${name}:`);
  if (typeof value !== "object" || value === null) return false;
  return (isList(value) ? value : Object.values(value)).some((inner) => mentions(inner, name));
}

function withLegacyName(entry: PolicyEntry): PolicyEntry {
  return JSON.parse(JSON.stringify(entry), (_key, value: Json) => (value === current ? legacy : value)) as PolicyEntry;
}
