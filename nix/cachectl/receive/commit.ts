import type { BuilderRoots } from "./roots.ts";
import { keyName, KeyRing } from "./signature.ts";
import type { StoredPath } from "./store-query.ts";

/** The answer to a commit: each path is in one of the two. */
export interface CommitAnswer {
  readonly committed: readonly string[];
  readonly refused: readonly { readonly path: string; readonly reason: string }[];
}

/** Where a commit looks things up; the later ones only for paths that the earlier ones leave open. */
export interface CommitSources {
  readonly roots: Pick<BuilderRoots, "holds" | "commit">;
  readonly knownKeys: readonly string[];
  /** Hands over each path of `paths` that is valid in the store. */
  query(paths: readonly string[], found: (path: StoredPath) => void): Promise<void>;
  /** All keys that the server's Nix trusts. */
  nixKeys(): readonly string[];
  /** Those of `paths` that the server built itself. */
  builtHere(paths: readonly string[]): Promise<ReadonlySet<string>>;
}

/**
 * Moves the roots of announced paths to the committed ones: of those that are valid and vouched for, by a signature, a
 * content address or a build on this server. The rest keep their announced root and are named with the reason.
 */
export async function commit(paths: readonly string[], sources: CommitSources): Promise<CommitAnswer> {
  const reasons = new Map<string, string>(paths.map((path) => [path, "is not valid in the server's store"]));
  const open = new Map<string, StoredPath>();
  const keys = new KeyRing(sources.knownKeys);
  const judge = (stored: StoredPath): void => {
    reasons.delete(stored.path);
    if (stored.contentAddress === "" && keys.valid(stored, stored.signatures).length === 0)
      open.set(stored.path, stored);
  };
  await sources.query(paths, judge);
  if (open.size > 0) {
    keys.add(sources.nixKeys());
    const builtHere = await sources.builtHere([...open.keys()]);
    for (const [path, stored] of open) {
      const vouched = builtHere.has(path) || keys.valid(stored, stored.signatures).length > 0;
      if (!vouched) reasons.set(path, `is signed by nobody trusted (it names ${namesOf(stored)})`);
    }
  }
  for (const path of paths)
    if (!reasons.has(path) && !sources.roots.holds(path)) reasons.set(path, "was not announced");
  const committed = paths.filter((path) => !reasons.has(path));
  sources.roots.commit(committed);
  return { committed, refused: [...reasons].map(([path, reason]) => ({ path, reason })) };
}

function namesOf({ signatures }: StoredPath): string {
  return signatures.length === 0 ? "nobody" : [...new Set(signatures.map(keyName))].join(", ");
}
