/** What Nix says that it would do, in `nix build --dry-run`. */

/** Store paths, and bytes as Nix rounds them (to hundredths of its unit). */
export interface BuildPlan {
  /** Derivations to be built. */
  readonly builds: readonly string[];
  /** Paths to be fetched from substituters. */
  readonly fetches: readonly string[];
  /** Bytes of those, compressed. */
  readonly downloadBytes: number;
  /** Bytes of those in the store. */
  readonly unpackedBytes: number;
  /** Paths that can be neither built nor fetched. */
  readonly missing: readonly string[];
}

type Section = "builds" | "fetches" | "missing";

const headings: readonly (readonly [RegExp, Section])[] = [
  [/^(?:these \d+ derivations|this derivation) will be built:$/, "builds"],
  [/^(?:these \d+ paths|this path) will be fetched\b/, "fetches"],
  [/^don't know how to build these paths\b/, "missing"],
];

const sizes = /\(([\d.]+) ([KMGT]?i?B) download, ([\d.]+) ([KMGT]?i?B) unpacked\)/;
const units: ReadonlyMap<string, number> = new Map(["B", "KiB", "MiB", "GiB", "TiB"].map((u, i) => [u, 1024 ** i]));

/**
 * Reads the lines that Nix writes to standard error: a heading, then an indented store path a line (NixOS/nix,
 * libmain/shared.cc, printMissing; the same from 2.24 to 2.35, but for the unit of the sizes).
 */
export function parsePlan(lines: readonly string[]): BuildPlan {
  const found: Record<Section, string[]> = { builds: [], fetches: [], missing: [] };
  let [downloadBytes, unpackedBytes] = [0, 0];
  let section: Section | undefined;
  for (const line of lines) {
    const path = /^\s+(\/\S+)$/.exec(line)?.[1];
    if (path !== undefined) {
      if (section !== undefined) found[section].push(path);
      continue;
    }
    section = headings.find(([heading]) => heading.test(line))?.[1];
    const [, download, downloadUnit, unpacked, unpackedUnit] = sizes.exec(line) ?? [];
    downloadBytes += bytes(download, downloadUnit);
    unpackedBytes += bytes(unpacked, unpackedUnit);
  }
  return { ...found, downloadBytes, unpackedBytes };
}

function bytes(amount = "0", unit = "B"): number {
  return Math.round(Number(amount) * (units.get(unit) ?? 1));
}

/** The part of a store path after its hash; without `.drv` for a derivation. */
export function nameOf(path: string): string {
  return path.replace(/^.*\/[0-9a-z]{32}-/, "").replace(/\.drv$/, "");
}
