/**
 * The compact typed table of a package: which inputs and outputs its resources have. One property is one line such as
 * "string, required, replaces". Held to the real provider's schema by test/unit/lab-providers/tables.test.ts.
 */
import { hasUnknown, isSecret, reveal, type Bag, type Wire } from "./wire.ts";

type Kind = "string" | "boolean" | "number" | "strings" | "list" | "map" | "any" | "asset";
type Marks = "" | ", required";
type Effect = "" | ", replaces" | ", secret";
/** kind (or the capitalised name of an object type), then marks. */
export type Property = `${Kind | Capitalize<string>}${Marks}${Effect}`;
/** Property name → description. */
export type Properties = Record<string, Property>;
/** Name of an object type → its properties. */
export type ObjectTypes = Record<string, Properties>;

/** One thing wrong with an input; `reason` is shown by the engine after the resource's name. */
export interface Failure {
  property: string;
  reason: string;
}

/** Takes a description apart. */
export function parseProperty(property: Property): {
  kind: string;
  required: boolean;
  replaces: boolean;
  secret: boolean;
} {
  const [kind = "", ...marks] = property.split(", ");
  return {
    kind,
    required: marks.includes("required"),
    replaces: marks.includes("replaces"),
    secret: marks.includes("secret"),
  };
}

function fits(kind: string, value: Wire): boolean {
  switch (kind) {
    case "any":
      return true;
    case "strings":
      return Array.isArray(value) && value.every((part) => hasUnknown(part) || typeof part === "string");
    case "list":
      return Array.isArray(value);
    case "map":
    case "asset":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    default:
      return typeof value === kind;
  }
}

/**
 * Every way in which `given` breaks the table: unknown names, missing required ones, wrong types; nested object types
 * too. Unknown values (preview) pass. Messages never contain a value.
 */
export function checkProperties(given: Bag, table: Properties, types: ObjectTypes, path = ""): Failure[] {
  const failures: Failure[] = [];
  for (const name of Object.keys(given)) {
    if (table[name] === undefined) {
      const known = Object.keys(table).sort().join(", ");
      failures.push({ property: path + name, reason: `Unknown property '${path}${name}'; known are: ${known}` });
    }
  }
  for (const [name, property] of Object.entries(table)) {
    failures.push(...checkOne(path + name, given[name] ?? null, property, types));
  }
  return failures;
}

function checkOne(property: string, wire: Wire, description: Property, types: ObjectTypes): Failure[] {
  const { kind, required } = parseProperty(description);
  const value = reveal(wire);
  if (value === null) return required ? [{ property, reason: `Missing required property '${property}'` }] : [];
  if (typeof value === "string" && hasUnknown(value)) return [];
  const nested = types[kind];
  if (fits(nested === undefined ? kind : "map", value)) {
    return nested === undefined ? [] : checkProperties(value as Bag, nested, types, `${property}.`);
  }
  const found = Array.isArray(value) ? "list" : typeof value;
  return [
    { property, reason: `'${property}' expected type '${nested === undefined ? kind : "object"}', got ${found}` },
  ];
}

/** Whether the table or the given input marks this property secret. */
export function mustBeSecret(property: Property | undefined, given: Wire | undefined): boolean {
  return (property !== undefined && parseProperty(property).secret) || isSecret(given);
}
