/** What a machine would download and what it would have to build, for one output of a flake. */
import { textsOf } from "../lib/json.ts";
import { type FlakeOutput } from "../populate/attribute.ts";
import { planBuild } from "../populate/build.ts";
import { evaluate } from "../populate/evaluate.ts";
import { lockFlake } from "../populate/locked-flake.ts";
import { type Nix, nixSettings } from "../populate/nix.ts";
import { sortBuilds } from "./builds.ts";
import { sizesOf } from "./downloads.ts";
import { nameOf } from "./plan.ts";

/** A path to be fetched. Bytes are undefined where no cache told them. */
export interface Download {
  readonly name: string;
  readonly path: string;
  /** Compressed: what is transferred. */
  readonly fileBytes: number | undefined;
  /** In the store. */
  readonly narBytes: number | undefined;
  /** The cache that has it. */
  readonly from: string | undefined;
}

/** A derivation to be built. */
export interface Build {
  readonly name: string;
  readonly drvPath: string;
}

export interface Coverage {
  readonly output: string;
  readonly revision: string;
  readonly system: string;
  /** What no cache has, and has to be built. */
  readonly builds: readonly Build[];
  /** Sources that are downloaded from where they are published, for those builds. */
  readonly sources: readonly Build[];
  /** Small things that a machine makes itself whatever a cache has (`allowSubstitutes = false`), such as `/etc`. */
  readonly local: readonly Build[];
  readonly downloads: readonly Download[];
  /** All downloads together: as the caches say, or as Nix does, rounded, where they don't. */
  readonly downloadBytes: number;
  readonly unpackedBytes: number;
}

/**
 * Evaluates the output and asks Nix for its plan, then the caches for the sizes. Nothing is built or fetched. Throws an
 * Error with the step that failed.
 *
 * @param substituters asked in place of those of Nix's settings; empty: those
 */
export async function coverageOf(
  nix: Nix,
  reference: string,
  output: FlakeOutput,
  substituters: readonly string[],
  deadline: number,
): Promise<Coverage> {
  const flake = await lockFlake(nix, reference, deadline);
  const { drvPath, system } = await evaluate(nix, flake, output.path, deadline);
  const plan = await planBuild(nix, drvPath, deadline);
  if (plan.missing.length > 0) {
    throw new Error(`no cache has ${plan.missing.map(nameOf).join(", ")}, and nothing tells how to build it`);
  }
  const caches = substituters.length > 0 ? substituters : textsOf((await nixSettings(nix, deadline))("substituters"));
  const downloads = await sizesOf(plan.fetches, caches, nix.stop);
  const known = downloads.every(({ fileBytes, narBytes }) => fileBytes !== undefined && narBytes !== undefined);
  const total = (field: "fileBytes" | "narBytes"): number =>
    downloads.reduce((sum, download) => sum + (download[field] ?? 0), 0);
  return {
    output: output.name,
    revision: flake.revision,
    system,
    ...(await sortBuilds(nix, plan.builds, deadline)),
    downloads,
    downloadBytes: known ? total("fileBytes") : plan.downloadBytes,
    unpackedBytes: known ? total("narBytes") : plan.unpackedBytes,
  };
}
