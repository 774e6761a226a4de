/** Takes a stack's entries out of a policy, and leaves every other byte as it is. */
import { memberValue, parsePolicy, type Entry, type PolicyDocument, valueOf } from "./document.ts";
import { applyEdits, type Edit, lineEnd, removal, removalInLine } from "./edit.ts";
import { isList, type Json, PolicyError } from "./entries.ts";
import { madeMark, markAfter, wasNullMark } from "./mark.ts";

/**
 * The policy without the entries of the stack with this tag: for every policy p and entries e of that tag,
 * `unmerge(merge(p, e), e.tag) === p`, byte for byte. Entries that were edited or moved since go as well.
 *
 * @param keep entries of the stack that stay nevertheless. @default none
 * @throws PolicyError as `parsePolicy` does
 */
export function unmerge(text: string, tag: string, keep: (entry: Entry) => boolean = () => false): string {
  return takeOutOf(parsePolicy(text), (entry) => entry.owner === tag && !keep(entry)).text;
}

/**
 * The policy without these entries. Lines that were inserted for them go with them; but after an edit by hand the line end
 * before an entry may be what ends a comment of the user's, and then line ends stay.
 */
export function takeOutOf(policy: PolicyDocument, isOurs: IsOurs): PolicyDocument {
  const { text } = policy;
  const edits = takeOut(policy, isOurs, removal);
  if (edits.length === 0) return policy;
  const taken = readable(applyEdits(text, edits));
  const isWhole = taken !== undefined && size(taken, () => false) === size(policy, isOurs);
  return withoutMadeRoot(isWhole ? taken : parsePolicy(applyEdits(text, takeOut(policy, isOurs, removalInLine))));
}

type IsOurs = (entry: Entry) => boolean;

function takeOut({ text, sections }: PolicyDocument, isOurs: IsOurs, remove: typeof removal): Edit[] {
  return [...sections.values()].flatMap((section) => {
    const ours = section.entries.filter(isOurs);
    if (ours.length === 0) return [];
    const others = section.entries.filter((entry) => !isOurs(entry));
    const { mark, node } = section;
    if (others.length === 0 && mark?.text === madeMark) return remove(text, section.member);
    if (others.length === 0 && mark?.text === wasNullMark) return [{ ...span(node), text: "null" }];
    const edits = ours.flatMap((entry) => remove(text, entry.node));
    // Another stack's entries still need the section's mark; once only the user's are left, the section is theirs.
    const isTheirs = others.length > 0 && others.every(({ owner }) => owner === undefined);
    return mark !== undefined && isTheirs ? [...edits, { ...span(mark), text: "" }] : edits;
  });
}

/** How many members and entries a policy has without these entries, and without what goes with them. */
function size({ members, sections }: PolicyDocument, isOurs: IsOurs): number {
  const sizes = [...members.values()].map((member) => memberValue(member).children?.length ?? 0);
  const taken = [...sections.values()].map(({ entries, mark }) => {
    const ours = entries.filter(isOurs).length;
    return ours + (ours > 0 && ours === entries.length && mark?.text === madeMark ? 1 : 0);
  });
  return members.size + sum(sizes) - sum(taken);
}

/** The policy, or undefined where the text is none. */
function readable(text: string): PolicyDocument | undefined {
  try {
    return parsePolicy(text);
  } catch (error) {
    if (error instanceof PolicyError) return undefined;
    throw error;
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** A policy that was made around our entries goes when nothing is left in it. */
function withoutMadeRoot(policy: PolicyDocument): PolicyDocument {
  const { text, root } = policy;
  if (root === undefined || root.children?.length !== 0) return policy;
  if (markAfter(text, root.offset)?.text !== madeMark) return policy;
  const before = lineEnd(text).length;
  return parsePolicy(applyEdits(text, [{ offset: root.offset - before, length: root.length + before, text: "" }]));
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
