/** A path's narinfo, to the last field that its signature depends on. */
import { basename, dirname, join } from "node:path";
import type { SignedFacts } from "../../receive/signature.ts";
import { parseLines } from "./cache-info.ts";

/** What a cache says of one path. Sizes are bytes. */
export interface SignedNarinfo extends SignedFacts {
  /** Where the NAR is, relative to the cache's address. */
  readonly url: string;
  /** `none`, `zstd`, `xz`, … */
  readonly compression: string;
  readonly signatures: readonly string[];
}

/** Reads a narinfo (NixOS/nix, src/libstore/nar-info.cc); undefined for anything that is none. */
export function parseNarinfo(text: string): SignedNarinfo | undefined {
  const fields = parseLines(text);
  const [path, url, narHash, narSize] = ["StorePath", "URL", "NarHash", "NarSize"].map((name) => fields.get(name)?.[0]);
  if (path === undefined || url === undefined || narHash === undefined || !/^\d+$/.test(narSize ?? ""))
    return undefined;
  const references = (fields.get("References")?.[0] ?? "").split(" ").filter((name) => name !== "");
  return {
    path,
    url,
    narHash,
    narSize: Number(narSize),
    compression: fields.get("Compression")?.[0] ?? "bzip2",
    references: references.map((name) => join(dirname(path), name)),
    signatures: fields.get("Sig") ?? [],
  };
}

/** The file's name below the cache's address. */
export function narinfoName(path: string): string {
  return `${basename(path).slice(0, 32)}.narinfo`;
}
