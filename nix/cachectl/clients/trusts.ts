/**
 * What a machine tells the server of the keys that it trusts: `GET /nix-cache-info?trusts=NAME,NAME`. nginx answers as
 * ever, and writes the query to a log of its own. Names are no secret; whose word it is, the connection's address says.
 */
import { keyName } from "../receive/signature.ts";

/** As the stack's signing.keys allow; other names are of other caches. */
const form = /^[A-Za-z0-9._-]{1,64}$/;
const most = 32;

/** Trusted by every Nix as it comes. */
const nixos = "cache.nixos.org-1";

/** The query, with its `?`. `publicKeys`: `NAME:BASE64`, those that this machine's Nix trusts. */
export function trustsQuery(publicKeys: readonly string[]): string {
  const names = [...new Set(publicKeys.map(keyName))].filter((name) => name !== nixos && form.test(name));
  // Nothing but a comma: a machine that trusts none says so.
  return `?trusts=${names.slice(0, most).join(",") || ","}`;
}

/** The names in the query's value; undefined when no machine of ours wrote it. */
export function parseTrusts(value: string): readonly string[] | undefined {
  const names = value.split(",").filter((name) => name !== "");
  return names.length <= most && names.every((name) => form.test(name)) ? [...new Set(names)] : undefined;
}
