import { readdirSync } from "node:fs";
import { removeBuilder, type Registry } from "../builders/register.ts";
import { readBuilders } from "../builders/registry.ts";
import { withdrawnKeys } from "../builders/withdrawn.ts";
import { isStorePath } from "../receive/path-list.ts";
import { queryStore, type StoreAccess } from "../receive/store-query.ts";
import { knownKeys } from "../receive/trust.ts";
import { RevocationPlan, type Doomed } from "./plan.ts";
import { deletePaths, removeRoots, type DeletePaths, type Kept } from "./take-out.ts";

/** What a revocation found, and what it did. Sizes are bytes of NARs. */
export interface Revocation {
  readonly builder: string;
  /** The builder's public signing keys, those it has and those it had. */
  readonly keys: readonly string[];
  /** In the order in which they are deleted. */
  readonly paths: readonly Doomed[];
  readonly bytes: number;
  /** Absent in a dry run. */
  readonly done?: {
    readonly changes: readonly string[];
    readonly rootsRemoved: number;
    readonly deleted: number;
    readonly kept: readonly Kept[];
  };
}

/** What a revocation works on. */
export interface RevocationSources {
  readonly registry: Registry;
  readonly rootsDirectory: string;
  /** The folder of the store: `/nix/store`. */
  readonly storeDirectory: string;
  readonly access: StoreAccess;
  /** All keys that the server's Nix trusts. */
  readonly nixKeys: readonly string[];
  readonly remove: DeletePaths;
}

/**
 * Finds every path that only `builder` signed, with what depends on it. Unless it is a dry run, withdraws the builder's
 * registration first, so that nothing new comes; then its roots; then the paths, each before what it refers to.
 * `oldKeysOnly` leaves the registration, and what its present key signed: for a builder whose key was replaced.
 * Throws an Error when the builder was never registered here.
 */
export async function revoke(
  builder: string,
  sources: RevocationSources,
  options: { readonly dryRun: boolean; readonly oldKeysOnly: boolean },
): Promise<Revocation> {
  const { stateDirectory, config } = sources.registry;
  const builders = readBuilders(stateDirectory);
  const old = withdrawnKeys(stateDirectory, builder);
  const present = builders.filter(({ name }) => name === builder).map(({ signingKey }) => signingKey);
  const keys = options.oldKeysOnly ? old.filter((key) => !present.includes(key)) : [...new Set([...present, ...old])];
  if (keys.length === 0)
    throw new Error(`${builder} has no key to revoke: it was never registered here, or never changed its key`);
  const plan = new RevocationPlan(keys, [...knownKeys(builders, config), ...sources.nixKeys]);
  const candidates = readdirSync(sources.storeDirectory)
    .map((name) => `/nix/store/${name}`)
    .filter(isStorePath);
  await queryStore(sources.access, candidates, (path) => plan.add(path));
  const paths = plan.doomed();
  const found = { builder, keys, paths, bytes: paths.reduce((sum, { narSize }) => sum + narSize, 0) };
  return options.dryRun ? found : { ...found, done: await takeOut(builder, paths, sources, options.oldKeysOnly) };
}

async function takeOut(
  builder: string,
  paths: readonly Doomed[],
  { registry, rootsDirectory, remove }: RevocationSources,
  oldKeysOnly: boolean,
): Promise<NonNullable<Revocation["done"]>> {
  const changes = oldKeysOnly ? [] : await removeBuilder(registry, builder);
  const doomed = new Set(paths.map(({ path }) => path));
  const rootsRemoved = removeRoots(rootsDirectory, oldKeysOnly ? undefined : builder, doomed);
  const kept = await deletePaths([...doomed], remove);
  return { changes, rootsRemoved, deleted: paths.length - kept.length, kept };
}
