/** Whether a signing key may be retired: not while machines would be left with no key that they trust. */
import { readFileSync } from "node:fs";

/** Public halves, `NAME:BASE64`, that a stack's machines were told to trust; undefined before `npm run nix-vars` wrote any. */
export function toldKeys(stack: string, folder = new URL("../../nix/vars/", import.meta.url)): string[] | undefined {
  let text: string;
  try {
    text = readFileSync(new URL(`${stack}.json`, folder), "utf8");
  } catch {
    return undefined;
  }
  const vars = JSON.parse(text) as { readonly cache?: { readonly publicKeys?: readonly string[] } };
  return [...(vars.cache?.publicKeys ?? [])];
}

/**
 * Refuses a list of keys of which machines trust none: what the server signs with them would be built again everywhere.
 * What machines were told is in nix/vars/<stack>.json, the file that their configurations read, and in the server's own
 * copy of it; whether each has switched to it, the machines tell the server: confirmation.ts.
 *
 * @throws Error with what to do
 */
export function checkRetirement(stack: string, keys: readonly string[], told: readonly string[] | undefined): void {
  const trusted = (told ?? []).map((key) => key.split(":")[0] ?? "");
  if (trusted.length === 0 || keys.some((key) => trusted.includes(key))) return;
  throw new Error(
    `signing.keys: would be ${keys.join(", ")}, but the machines trust only ${trusted.join(", ")} ` +
      `(nix/vars/${stack}.json). Keep ${trusted[0] ?? ""} beside the new key, run pulumi up and npm run nix-vars -- ` +
      `${stack}, switch every machine, and retire the old key then: docs/rotating-keys.md.`,
  );
}

/** Names of keys that machines were told to trust and that are on the list no more. `told`: `NAME:BASE64`. */
export function retiredKeys(keys: readonly string[], told: readonly string[]): string[] {
  const names = told.map((key) => key.split(":")[0] ?? "");
  return [...new Set(names)].filter((name) => !keys.includes(name));
}
