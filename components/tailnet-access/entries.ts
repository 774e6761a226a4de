/** The shapes that the rest of this folder passes around: what a stack adds to a tailnet's policy. */

/** Any JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** One element of `grants`, `ssh`, `tests` or `sshTests`. */
export type PolicyEntry = Readonly<Record<string, Json>>;

/** The sections of a policy that a stack adds to, in the order in which missing ones are made. */
export const sectionNames = ["tagOwners", "grants", "ssh", "tests", "sshTests"] as const;

export type SectionName = (typeof sectionNames)[number];

/** Everything that one stack adds to a tailnet's policy. */
export interface PolicyEntries {
  /** The stack's first tag. It stands in the mark of every entry and tells this stack's entries from all others. */
  readonly tag: string;
  /** Owners by tag; `[]` means what Tailscale takes it for, `["autogroup:admin"]`. */
  readonly tagOwners: Readonly<Record<string, readonly string[]>>;
  readonly grants: readonly PolicyEntry[];
  readonly ssh: readonly PolicyEntry[];
  readonly tests: readonly PolicyEntry[];
  readonly sshTests: readonly PolicyEntry[];
}

/** Says what about a policy stands in the way, and what to do about it. */
export class PolicyError extends Error {
  override readonly name = "PolicyError";
}

/** An object's members by their names in lower case, which is how Tailscale's decoder takes them; none for anything else. */
export function lowerKeys(value: Json): Map<string, Json> {
  if (typeof value !== "object" || value === null || isList(value)) return new Map();
  return new Map(Object.entries(value).map(([key, inner]) => [key.toLowerCase(), inner]));
}

/** The texts in a list; none for anything else. */
export function strings(value: Json | undefined): string[] {
  return value !== undefined && isList(value) ? value.filter((entry) => typeof entry === "string") : [];
}

/** JSON on one line, as people write it in policies: `{"src": ["tag:ci"]}`. */
export function printJson(value: Json): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (isList(value)) return `[${value.map(printJson).join(", ")}]`;
  return `{${printMembers(value)}}`;
}

/** The members of an object without its braces. */
export function printMembers(value: PolicyEntry): string {
  return Object.entries(value)
    .map(([key, inner]) => `${JSON.stringify(key)}: ${printJson(inner)}`)
    .join(", ");
}

/** Whether two values are the same JSON; the order of members does not count. */
export function sameJson(a: Json, b: Json): boolean {
  return canonical(a) === canonical(b);
}

function canonical(value: Json): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (isList(value)) return `[${value.map(canonical).join()}]`;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join()}}`;
}

/** `Array.isArray` that keeps the type of a readonly list. */
export function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
