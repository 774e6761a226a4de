/** What a root of ours is for, from where it lies and what its path is called. */
import type { RootKind } from "./plan.ts";

/** Where a root lies: who brought its path. */
export type Origin =
  | { readonly area: "uploads"; readonly builder: string }
  /** `owner` is the folder below `populate`: the host and the output. */
  | { readonly area: "populate"; readonly owner: string };

/** The kind of a committed root, and who it counts for. */
export interface Purpose {
  readonly kind: Extract<RootKind, "system" | "package">;
  readonly group: string;
}

/** nixpkgs: `nixos-system-${system.name}-${system.nixos.label}` (nixos/modules/system/activation/top-level.nix). */
const nixosForm = /^nixos-system-(.+)$/;
/** nix-darwin: `darwin-system-${system.darwinLabel}`: the machine's name is not in it. */
const darwinPrefix = "darwin-system-";
/** Home Manager: `home-manager-generation`, without a name or a version. */
const homeForm = /^home-manager-generation$/;
const populatedSystem = /(?:^|\/)(?:nixos|darwin|home)Configurations[./]/;

/**
 * What a root is for. `storeName` is the path's name without its hash; `machines` are the names of machines that are
 * known, which is what tells where the machine's name ends in that of a system.
 */
export function purposeOf(storeName: string, origin: Origin, machines: readonly string[]): Purpose {
  const owner = origin.area === "uploads" ? origin.builder : origin.owner;
  const nixos = nixosForm.exec(storeName)?.[1];
  if (nixos !== undefined) return { kind: "system", group: machineIn(nixos, machines) ?? owner };
  if (storeName.startsWith(darwinPrefix)) return { kind: "system", group: owner };
  if (homeForm.test(storeName)) return { kind: "system", group: `${owner} (Home Manager)` };
  if (origin.area === "populate") {
    return { kind: populatedSystem.test(`${owner}/`) ? "system" : "package", group: owner };
  }
  return { kind: "package", group: `${owner} ${packageName(storeName)}` };
}

/** `my-host-25.11.20260101.abcdef0` → `my-host`: a known machine, else what comes before the last part that is a number. */
function machineIn(text: string, machines: readonly string[]): string | undefined {
  const known = machines.filter((name) => text.startsWith(`${name}-`)).sort((a, b) => b.length - a.length);
  return known[0] ?? /^(.+?)-\d[^-]*$/.exec(text)?.[1];
}

/**
 * The package in a path's name, without its version and with the output: `openssl-3.0.14-dev` → `openssl-dev`. A version
 * begins after the first dash that no letter follows (Nix, builtins.parseDrvName); an output is the last word behind it.
 */
export function packageName(storeName: string): string {
  const [, name = storeName, version = ""] = /^(.*?)-([^a-zA-Z].*)$/.exec(storeName) ?? [];
  const output = /-([a-z]+)$/.exec(version)?.[1];
  return output === undefined || name === storeName ? name : `${name}-${output}`;
}
