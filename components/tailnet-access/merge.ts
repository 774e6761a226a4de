/** Puts a stack's entries into a tailnet's policy, and leaves every byte of it that is not ours as it is. */
import { parsePolicy, type PolicyDocument, type Section, withoutEntries } from "./document.ts";
import { applyEdits, type Edit, indentOf, insertionPoint, lineEnd } from "./edit.ts";
import {
  isList,
  type PolicyEntries,
  type PolicyEntry,
  printJson,
  printMembers,
  sameJson,
  type SectionName,
} from "./entries.ts";
import { entryMark, madeMark, wasNullMark } from "./mark.ts";
import { takeOutOf } from "./unmerge.ts";
import { type Wanted, wantedEntries, type WantedEntry } from "./wanted.ts";

/**
 * The policy with the entries of one stack. What the stack added before is replaced; where nothing changes, the text
 * comes back as it was, so that merging twice is merging once.
 *
 * Ours are put first in their lists, each on a line of its own that ends with a comma: that is an insertion pure and
 * simple, with no comma to be added to the user's last element, and so can be undone to the byte.
 *
 * @param text the tailnet's policy as Tailscale gives it: HuJSON, or nothing
 * @throws PolicyError when the text is no policy, or a tag of the stack is somebody else's
 */
export function merge(text: string, entries: PolicyEntries): string {
  const { tag } = entries;
  const policy = parsePolicy(text);
  const wanted = wantedEntries(withoutEntries(policy, tag), entries);
  if (holds(policy, tag, wanted)) return text;
  return insert(
    takeOutOf(policy, ({ owner }) => owner === tag),
    tag,
    wanted,
  );
}

/** Whether the stack's entries in the policy are the wanted ones, no more and no fewer. */
function holds(policy: PolicyDocument, tag: string, wanted: Wanted): boolean {
  return [...wanted].every(([name, list]) => {
    const found = (policy.sections.get(name)?.entries ?? []).filter(({ owner }) => owner === tag);
    return (
      found.length === list.length &&
      list.every(({ key, value }, index) => {
        const entry = found[index];
        return entry?.key === key && sameJson(entry.value, value);
      })
    );
  });
}

/** How the policy is laid out. */
interface Layout {
  readonly eol: string;
  /** The indentation of the policy's members. */
  readonly unit: string;
  readonly tag: string;
}

function insert(policy: PolicyDocument, tag: string, wanted: Wanted): string {
  const { text, root } = policy;
  const first = root?.children?.[0];
  const unit = (first === undefined ? undefined : indentOf(text, first)) ?? "\t";
  const layout = { eol: lineEnd(text), unit, tag };
  const needed = [...wanted].filter(([, list]) => list.length > 0);
  const edits = needed.flatMap(([name, list]) => {
    const section = policy.sections.get(name);
    return section === undefined ? [] : [fill(text, section, list, layout)];
  });
  const missing = needed
    .filter(([name]) => !policy.sections.has(name))
    .map(([name, list]) => `${layout.eol}${unit}"${name}": ${whole(name, list, layout, madeMark)},`)
    .join("");
  if (root === undefined) return `${text}${layout.eol}{${madeMark}${missing}${layout.eol}}`;
  return applyEdits(text, [{ offset: insertionPoint(text, root.offset), length: 0, text: missing }, ...edits]);
}

/** Puts entries into a section that is there. */
function fill(text: string, { name, node, entries }: Section, list: readonly WantedEntry[], layout: Layout): Edit {
  const { offset, length } = node;
  if (node.type === "null") return { offset, length, text: whole(name, list, layout, wasNullMark) };
  const first = entries[0];
  const indent = first === undefined ? undefined : indentOf(text, first.node);
  return { offset: insertionPoint(text, offset), length: 0, text: lines(list, layout, indent) };
}

/** A section of our making. */
function whole(name: SectionName, list: readonly WantedEntry[], layout: Layout, mark: string): string {
  const [open, close] = name === "tagOwners" ? ["{", "}"] : ["[", "]"];
  return `${open}${mark}${lines(list, layout)}${layout.eol}${layout.unit}${close}`;
}

function lines(list: readonly WantedEntry[], { eol, unit, tag }: Layout, indent?: string): string {
  const margin = indent ?? unit + (unit === "" ? "\t" : unit);
  return list.map((entry) => `${eol}${margin}${print(entry, entryMark(tag))},`).join("");
}

function print({ key, value }: WantedEntry, mark: string): string {
  if (isList(value)) return `${JSON.stringify(key)}: [${[mark, value.map(printJson).join(", ")].join(" ").trimEnd()}]`;
  return `{${mark} ${printMembers(value as PolicyEntry)}}`;
}
