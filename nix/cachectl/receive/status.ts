import type { Builder } from "../builders/builder.ts";
import { diskSpace, type Limits } from "./limits.ts";

/** The answer to `status`: what a builder's uploader needs to know before it sends. Sizes are bytes. */
export interface StatusAnswer {
  readonly version: string;
  readonly builder: string;
  readonly store: { readonly freeBytes: number; readonly totalBytes: number; readonly minFreeBytes: number };
  readonly roots: { readonly incoming: number; readonly uploads: number; readonly limit: number };
  readonly bytes: { readonly today: number; readonly dailyLimit: number };
  readonly limits: { readonly pathsPerCall: number; readonly bytesPerCall: number; readonly bytesPerPath: number };
}

/** Puts the answer together from this builder's counts. `store` is the store's folder. */
export function describeStatus(facts: {
  readonly version: string;
  readonly builder: Builder;
  readonly limits: Limits;
  readonly store: string;
  readonly roots: { readonly incoming: number; readonly uploads: number };
  readonly bytesToday: number;
}): StatusAnswer {
  const { limits } = facts;
  return {
    version: facts.version,
    builder: facts.builder.name,
    store: { ...diskSpace(facts.store), minFreeBytes: limits.minFreeBytes },
    roots: { ...facts.roots, limit: limits.maxRoots },
    bytes: { today: facts.bytesToday, dailyLimit: limits.dailyBytes },
    limits: { pathsPerCall: limits.maxPaths, bytesPerCall: limits.maxInputBytes, bytesPerPath: limits.maxPathBytes },
  };
}
