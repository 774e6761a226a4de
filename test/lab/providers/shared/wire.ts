/** Pulumi's encoding of property values between the engine and a provider plugin: secrets, unknowns, plain JSON. */

/** A property value as it crosses the wire (a protobuf Struct's value). */
export type Wire = null | boolean | number | string | Wire[] | { [key: string]: Wire };
/** A set of named property values. */
export type Bag = Record<string, Wire>;

// Signatures from pulumi/sdk go/common/resource/sig and go/common/resource/plugin/rpc.go.
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";
/** What stands for a text (or anything) that is not known in a preview. */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const UNKNOWNS = new Set([
  UNKNOWN,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "030794c1-ac77-496b-92df-f27374a8bd58",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);

function isMap(value: Wire | undefined): value is Record<string, Wire> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether the value itself (not a part of it) is marked secret. */
export function isSecret(value: Wire | undefined): boolean {
  return isMap(value) && value[SIGNATURE] === SECRET;
}

/** Marks a value secret; one that is marked already stays as it is. */
export function secret(value: Wire): Wire {
  return isSecret(value) ? value : { [SIGNATURE]: SECRET, value };
}

/** The value without any secret marks, at every depth. */
export function reveal(value: Wire): Wire {
  if (Array.isArray(value)) return value.map(reveal);
  if (!isMap(value)) return value;
  if (isSecret(value)) return reveal(value.value ?? null);
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, reveal(part)]));
}

/** A bag without any secret marks. */
export function revealBag(bag: Bag): Bag {
  return Object.fromEntries(Object.entries(bag).map(([key, value]) => [key, reveal(value)]));
}

/** Whether any part of the value is unknown. */
export function hasUnknown(value: Wire): boolean {
  if (Array.isArray(value)) return value.some(hasUnknown);
  if (isMap(value)) return Object.values(value).some(hasUnknown);
  return typeof value === "string" && UNKNOWNS.has(value);
}

/** The value when it is a text, else an empty one. */
export function text(value: Wire | undefined): string {
  return typeof value === "string" ? value : "";
}
