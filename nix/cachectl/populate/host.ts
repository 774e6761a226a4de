/** This machine as a run of populate uses it. */
import { lstatSync } from "node:fs";
import { join } from "node:path";
import type { Paths } from "../lib/paths.ts";
import { searchPath } from "../lib/run.ts";
import type { StoreReader } from "./closure.ts";
import { confiner } from "./confine.ts";
import { deployKey, gitEnvironment } from "./git.ts";
import type { Nix } from "./nix.ts";
import { find } from "./programs.ts";
import { PopulateRoots } from "./roots.ts";
import type { PopulateSettings } from "./settings.ts";

export interface PopulateHost {
  readonly nix: Nix;
  readonly store: StoreReader;
  readonly roots: PopulateRoots;
  readonly settings: PopulateSettings;
  /** The folder for the clone, the updated lock, the caches: populate's user's own. */
  readonly folder: string;
  /** Whether there is a key for private repositories. */
  readonly hasKey: boolean;
}

/** Throws an Error when Nix is not there, or when folders can't be made. */
export function openHost(call: {
  readonly paths: Paths;
  readonly env: NodeJS.ProcessEnv;
  readonly stop: AbortSignal;
  readonly settings: PopulateSettings;
}): PopulateHost {
  const { paths, stop, settings } = call;
  const folder = populateFolder(paths);
  const key = deployKey(call.env, paths.keys);
  const env = gitEnvironment({ ...call.env, PATH: searchPath(call.env.PATH), LC_ALL: "C.UTF-8" }, folder, key);
  const limits = confiner(env, settings.memoryBytes);
  return {
    nix: { program: find("nix", env), env, confiner: limits, stop, store: paths.store, cwd: "/", options: [] },
    store: { program: find("nix-store", env), env, stop },
    roots: new PopulateRoots(paths.roots),
    settings,
    folder,
    hasKey: key !== undefined,
  };
}

export function populateFolder({ state }: Paths): string {
  return join(state, "populate");
}

/**
 * Makes the folder's owner of this process, for files of root's in it are nothing that the scheduled job could touch:
 * root becomes that user for good. Throws an Error, which says as whom to run it, for any other user.
 */
export function becomeOwner(paths: Paths): void {
  const folder = populateFolder(paths);
  const owner = lstatSync(folder, { throwIfNoEntry: false });
  const uid = process.getuid?.();
  if (owner === undefined || owner.uid === uid) return;
  if (uid !== 0) throw new Error(`${folder} is another user's: run it as root (sudo cachectl populate)`);
  process.setgroups?.([]);
  process.setgid?.(owner.gid);
  process.setuid?.(owner.uid);
}
