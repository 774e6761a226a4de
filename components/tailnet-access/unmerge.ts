/** Takes a stack's entries out of a policy, and leaves every other byte as it is. */
import { memberValue, parsePolicy, type Entry, type PolicyDocument, type Section, valueOf } from "./document.ts";
import { applyEdits, type Edit, lineEnd, removal } from "./edit.ts";
import { isList, type Json } from "./entries.ts";
import { madeMark, markAfter, wasNullMark } from "./mark.ts";

/**
 * The policy without the entries of the stack with this tag: for every policy p and entries e of that tag,
 * `unmerge(merge(p, e), e.tag) === p`, byte for byte. Entries that were edited or moved since go as well.
 *
 * @param keep entries of the stack that stay nevertheless. @default none
 * @throws PolicyError as `parsePolicy` does
 */
export function unmerge(text: string, tag: string, keep: (entry: Entry) => boolean = () => false): string {
  return takeOutOf(parsePolicy(text), (entry) => entry.owner === tag && !keep(entry));
}

/** The policy's text without these entries. */
export function takeOutOf({ text, sections }: PolicyDocument, isOurs: (entry: Entry) => boolean): string {
  const edits = [...sections.values()].flatMap((section) => takeOut(text, section, isOurs));
  return edits.length === 0 ? text : withoutMadeRoot(applyEdits(text, edits));
}

function takeOut(text: string, section: Section, isOurs: (entry: Entry) => boolean): Edit[] {
  const ours = section.entries.filter(isOurs);
  if (ours.length === 0) return [];
  const others = section.entries.filter((entry) => !isOurs(entry));
  const { mark, node } = section;
  if (others.length === 0 && mark?.text === madeMark) return removal(text, section.member);
  if (others.length === 0 && mark?.text === wasNullMark) return [{ ...span(node), text: "null" }];
  const edits = ours.flatMap((entry) => removal(text, entry.node));
  // Another stack's entries still need the section's mark; once only the user's are left, the section is theirs.
  const isTheirs = others.length > 0 && others.every(({ owner }) => owner === undefined);
  return mark !== undefined && isTheirs ? [...edits, { ...span(mark), text: "" }] : edits;
}

/** A policy that was made around our entries goes when nothing is left in it. */
function withoutMadeRoot(text: string): string {
  const { root } = parsePolicy(text);
  if (root === undefined || root.children?.length !== 0) return text;
  if (markAfter(text, root.offset)?.text !== madeMark) return text;
  const before = lineEnd(text).length;
  return applyEdits(text, [{ offset: root.offset - before, length: root.length + before, text: "" }]);
}

function span({ offset, length }: { offset: number; length: number }): { offset: number; length: number } {
  return { offset, length };
}

/** A policy after a stack has left it. */
export interface Withdrawn {
  readonly text: string;
  /** Tags of the stack whose owners had to stay, because entries of somebody else's name the tag. */
  readonly stillNamed: readonly string[];
}

/**
 * `unmerge` for good. Tailscale refuses a policy that names a tag which nobody owns, so the owners of a tag stay as long
 * as anything else in the policy names it.
 *
 * @throws PolicyError as `parsePolicy` does
 */
export function withdraw(text: string, tag: string): Withdrawn {
  const bare = unmerge(text, tag);
  const owned =
    parsePolicy(text)
      .sections.get("tagOwners")
      ?.entries.filter(({ owner }) => owner === tag) ?? [];
  const stillNamed = owned.map(({ key }) => key).filter((name) => names(parsePolicy(bare), name));
  if (stillNamed.length === 0) return { text: bare, stillNamed };
  return { text: unmerge(text, tag, ({ key }) => stillNamed.includes(key)), stillNamed };
}

/** Whether anything in the policy names the tag, alone or with a port. */
function names(policy: PolicyDocument, tag: string): boolean {
  return [...policy.members.values()].some((member) =>
    strings(valueOf(memberValue(member))).some((text) => text === tag || text.startsWith(`${tag}:`)),
  );
}

function strings(value: Json): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return isList(value)
    ? value.flatMap(strings)
    : Object.entries(value).flatMap(([key, inner]) => [key, ...strings(inner)]);
}
