/** A policy as text with its structure beside it: every section and entry with its place. Read with jsonc-parser. */
import { getNodeValue, type Node, type ParseError, parseTree, printParseErrorCode } from "jsonc-parser";
import { type Json, PolicyError, type SectionName, sectionNames } from "./entries.ts";
import { type FoundMark, markAfter } from "./mark.ts";

/** One element of a section: of a list, or a member of `tagOwners`. */
export interface Entry {
  /** The element, or the member with its name. */
  readonly node: Node;
  /** The tag, in `tagOwners`; "" in lists. */
  readonly key: string;
  readonly value: Json;
  /** First tag of the stack that the entry belongs to; undefined: the user's own. */
  readonly owner: string | undefined;
}

export interface Section {
  readonly name: SectionName;
  /** The section with its name. */
  readonly member: Node;
  /** The list or object itself, or `null`. */
  readonly node: Node;
  /** The mark of a section that we made. */
  readonly mark: FoundMark | undefined;
  readonly entries: readonly Entry[];
}

export interface PolicyDocument {
  readonly text: string;
  /** The policy's object; undefined when the text holds nothing but white space and comments. */
  readonly root: Node | undefined;
  /** All members of the policy by their names in lower case: Tailscale's decoder takes "ACLs" for "acls". */
  readonly members: ReadonlyMap<string, Node>;
  readonly sections: ReadonlyMap<SectionName, Section>;
}

/**
 * Reads HuJSON: JSON with comments and trailing commas.
 *
 * @throws PolicyError with line and column when the text is none, a section is of another type, or is there twice
 */
export function parsePolicy(text: string): PolicyDocument {
  const errors: ParseError[] = [];
  // A lone carriage return is white space to Tailscale, and part of a line comment; jsonc-parser would end the line.
  const root = parseTree(text.replace(/\r(?!\n)/g, " "), errors, { allowTrailingComma: true });
  const [error] = errors;
  if (root === undefined && holdsNothing(text)) return { text, root, members: new Map(), sections: new Map() };
  if (error !== undefined || root === undefined) {
    const what = error === undefined ? "no value" : words(printParseErrorCode(error.error));
    throw new PolicyError(`The tailnet's policy is not valid HuJSON at ${place(text, error?.offset ?? 0)}: ${what}.`);
  }
  if (root.type !== "object") throw new PolicyError(`The tailnet's policy is no object: found ${article(root)}.`);
  const members = membersOf(text, root);
  const sections = new Map<SectionName, Section>();
  for (const name of sectionNames) {
    const member = members.get(name.toLowerCase());
    if (member !== undefined) sections.set(name, readSection(text, name, member));
  }
  return { text, root, members, sections };
}

/** The policy as it would read without the entries of the stack with this tag; places are those in the whole text. */
export function withoutEntries(policy: PolicyDocument, tag: string): PolicyDocument {
  const sections = [...policy.sections].map(([name, section]) => {
    const entries = section.entries.filter(({ owner }) => owner !== tag);
    return [name, { ...section, entries }] as const;
  });
  return { ...policy, sections: new Map(sections) };
}

/** "line 3, column 7", counted from 1. */
export function place(text: string, offset: number): string {
  const before = text.slice(0, offset);
  const line = before.split("\n").length;
  return `line ${line}, column ${offset - before.lastIndexOf("\n")}`;
}

/** The value of a node as plain JSON. */
export function valueOf(node: Node): Json {
  return getNodeValue(node) as Json;
}

/** The value of a member; a member without one does not get through the parser. */
export function memberValue(member: Node): Node {
  return part(member, 1);
}

function part(member: Node, index: number): Node {
  const found = member.children?.[index];
  if (found === undefined) throw new PolicyError(`The tailnet's policy has a member without a value.`);
  return found;
}

function holdsNothing(text: string): boolean {
  return /^(?:\s|\/\/[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*$/.test(text);
}

function words(code: string): string {
  return code.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
}

function article({ type }: Node): string {
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

function membersOf(text: string, root: Node): Map<string, Node> {
  const members = new Map<string, Node>();
  for (const member of root.children ?? []) {
    const written = String(part(member, 0).value);
    const earlier = members.get(written.toLowerCase());
    if (earlier !== undefined) {
      const where = `${place(text, earlier.offset)} and ${place(text, member.offset)}`;
      throw new PolicyError(`The tailnet's policy has "${written}" twice, at ${where}. Make one of the two.`);
    }
    members.set(written.toLowerCase(), member);
  }
  return members;
}

function readSection(text: string, name: SectionName, member: Node): Section {
  const node = memberValue(member);
  const wanted = name === "tagOwners" ? "object" : "array";
  if (node.type !== wanted && node.type !== "null") {
    const found = `found ${article(node)}, expected an ${wanted}`;
    throw new PolicyError(`The tailnet's policy, ${name} at ${place(text, node.offset)}: ${found}.`);
  }
  const entries = (node.children ?? []).map((child) => readEntry(text, child));
  return { name, member, node, mark: node.type === "null" ? undefined : markAfter(text, node.offset), entries };
}

function readEntry(text: string, node: Node): Entry {
  const isMember = node.type === "property";
  const valueNode = isMember ? memberValue(node) : node;
  const bracketed = valueNode.type === "object" || valueNode.type === "array";
  const owner = bracketed ? markAfter(text, valueNode.offset)?.tag : undefined;
  return new ReadEntry(node, isMember ? String(part(node, 0).value) : "", owner, valueNode);
}

/** Of a large policy's thousands of values hardly one is looked at, so each is made when it is. */
class ReadEntry implements Entry {
  readonly node: Node;
  readonly key: string;
  readonly owner: string | undefined;
  readonly #valueNode: Node;

  constructor(node: Node, key: string, owner: string | undefined, valueNode: Node) {
    this.node = node;
    this.key = key;
    this.owner = owner;
    this.#valueNode = valueNode;
  }

  get value(): Json {
    return valueOf(this.#valueNode);
  }
}
