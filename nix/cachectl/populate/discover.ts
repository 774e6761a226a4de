/** Finds what a flake has to build. */
import { isDarwin } from "./attribute.ts";
import { attributeNames, type LockedFlake } from "./locked-flake.ts";
import { type Nix, NixFailure } from "./nix.ts";
import type { Discovery } from "./result.ts";

/** A set that could not be listed, and Nix's reason. */
export interface Unlisted {
  readonly path: readonly string[];
  readonly reason: string;
}

/** Sets of configurations, and sets of derivations by system. */
const configurations = ["nixosConfigurations", "homeConfigurations", "darwinConfigurations"];
const bySystem = ["packages", "checks", "devShells"];

/**
 * Lists every configuration and, for the given systems, every package, check and development shell. Each set is listed on
 * its own, by its names alone: one that fails to evaluate costs nothing but itself. Throws a NixFailure when the run is
 * stopped.
 */
export async function discover(
  nix: Nix,
  flake: LockedFlake,
  systems: readonly string[],
  seconds: number,
): Promise<{ readonly discovery: Discovery; readonly unlisted: readonly Unlisted[] }> {
  const found: (readonly string[])[] = [];
  const unlisted: Unlisted[] = [];
  const list = async (path: readonly string[]): Promise<(readonly string[])[]> => {
    try {
      const names = (await attributeNames(nix, flake, path, Date.now() + seconds * 1000)) ?? [];
      return names.map((name) => [...path, name]);
    } catch (error) {
      if (!(error instanceof NixFailure) || error.ended.how === "stopped") throw error;
      unlisted.push({ path, reason: error.message });
      return [];
    }
  };
  for (const name of configurations) found.push(...(await list([name])));
  for (const name of bySystem) {
    for (const path of await list([name])) {
      if (systems.includes(path[1] ?? "")) found.push(...(await list(path)));
      else if (isDarwin(path)) found.push(path);
    }
  }
  const outputs = found.filter((path) => !isDarwin(path));
  return { discovery: { fingerprint: flake.fingerprint, outputs, left: found.filter(isDarwin) }, unlisted };
}
