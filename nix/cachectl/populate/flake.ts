/** The flake that is built, under its own lock and under an updated one. */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Checkout, updateClone } from "./clone.ts";
import type { Variant } from "./fill.ts";
import { openGit } from "./git.ts";
import type { PopulateHost } from "./host.ts";
import { hasLock, type LockedFlake, lockFlake, updateLock, withLock } from "./locked-flake.ts";
import { type Push, pushLock } from "./push-lock.ts";
import { flakeSource, type GitSource, type PlainSource } from "./source.ts";

export interface FetchedFlake {
  readonly source: GitSource | PlainSource;
  /** The clone; undefined when the flake is used where it is. */
  readonly checkout: Checkout | undefined;
  readonly flake: LockedFlake;
}

/** Brings the flake here and finds its state. Throws an Error with the step that failed. */
export async function fetchFlake({ nix, settings, folder, hasKey }: PopulateHost): Promise<FetchedFlake> {
  const source = flakeSource(settings.flake, hasKey);
  const clone = join(folder, "source");
  const checkout = source.kind === "git" ? await updateClone(openGit(nix.env, nix.stop), source, clone) : undefined;
  const flake = await lockFlake(nix, checkout?.reference ?? settings.flake, deadlineOf(settings));
  return { source, checkout, flake };
}

function deadlineOf({ timeoutSeconds }: PopulateHost["settings"]): number {
  return Date.now() + timeoutSeconds * 1000;
}

function lockFile({ folder }: PopulateHost): string {
  return join(folder, "updated.lock");
}

/** The flake with its inputs as they are now; undefined when its lock has them already. Throws an Error. */
export async function updatedVariant(host: PopulateHost, { flake }: FetchedFlake): Promise<Variant | undefined> {
  const file = lockFile(host);
  rmSync(file, { force: true });
  await updateLock(host.nix, flake, file, deadlineOf(host.settings));
  if (!existsSync(file) || hasLock(flake, file)) return undefined;
  return { lock: "updated", flake: withLock(flake, file) };
}

/** Pushes the updated lock to its branch. Throws an Error, also when the flake is in no repository. */
export async function offerLock(host: PopulateHost, { source, checkout }: FetchedFlake, report: string): Promise<Push> {
  if (source.kind !== "git" || checkout === undefined) {
    throw new Error("populate.lock is update-and-commit, and the flake is in no git repository: set it to update");
  }
  return pushLock(openGit(host.nix.env, host.nix.stop), checkout, source.dir, lockFile(host), report);
}
