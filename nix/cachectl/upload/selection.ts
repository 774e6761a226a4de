import type { Delivery } from "./deliver.ts";
import type { LocalPath } from "./local-store.ts";

/** The paths that a failure names go by themselves, after the others; where it names none or all, the halves. */
export function partsOf(paths: readonly string[], failure: string): readonly (readonly string[])[] {
  const named = paths.filter((path) => failure.includes(path));
  if (named.length > 0 && named.length < paths.length) {
    return [paths.filter((path) => !named.includes(path)), named];
  }
  const half = Math.ceil(paths.length / 2);
  return [paths.slice(0, half), paths.slice(half)];
}

/** Without the paths whose NARs are too large, which are settled. `sizes` are bytes by path. */
export function withoutLarge(
  paths: readonly string[],
  sizes: ReadonlyMap<string, number>,
  { settings, settle }: Delivery,
): readonly string[] {
  return paths.filter((path) => {
    const size = sizes.get(path) ?? 0;
    if (size <= settings.maxPathBytes) return true;
    settle(path, { kind: "too large", reason: `has ${size} bytes; ${settings.maxPathBytes} are uploaded at most` });
    return false;
  });
}

/**
 * What the server would refuse without this builder's signature: what is signed by nobody whom it trusts by itself,
 * built here or not. Content-addressed paths vouch for themselves.
 */
export function toSign(
  known: readonly LocalPath[],
  { settings, key }: Pick<Delivery, "settings" | "key">,
): readonly string[] {
  return known
    .filter(({ contentAddressed, signers }) => {
      if (contentAddressed || signers.includes(key.name)) return false;
      return !signers.some((signer) => settings.upstreamKeys.includes(signer));
    })
    .map(({ path }) => path);
}
