import { KeyRing } from "../receive/signature.ts";
import type { StoredPath } from "../receive/store-query.ts";

/** A path that goes. */
export interface Doomed {
  readonly path: string;
  readonly narSize: number;
  /** A path that only the builder signed and that this one needs; absent for a path that only the builder signed. */
  readonly because?: string;
}

/**
 * Finds what only one builder vouched for. Signatures are verified, not believed by name: a builder could have sent
 * along one that claims another signer. A content address vouches for itself.
 */
export class RevocationPlan {
  readonly #own: KeyRing;
  readonly #others: KeyRing;
  readonly #sizes = new Map<string, number>();
  readonly #referrers = new Map<string, string[]>();
  readonly #suspects: string[] = [];

  /** `ownKeys` are all keys that the builder has or had; of `otherKeys` those that are among them do not count. */
  constructor(ownKeys: readonly string[], otherKeys: readonly string[]) {
    this.#own = new KeyRing(ownKeys);
    this.#others = new KeyRing(otherKeys.filter((key) => !ownKeys.includes(key)));
  }

  /** Takes note of a path of the store; each is to be given once, in any order. */
  add(stored: StoredPath): void {
    this.#sizes.set(stored.path, stored.narSize);
    for (const reference of stored.references) {
      if (reference === stored.path) continue;
      const referrers = this.#referrers.get(reference);
      if (referrers === undefined) this.#referrers.set(reference, [stored.path]);
      else referrers.push(stored.path);
    }
    if (this.#onlyOurs(stored)) this.#suspects.push(stored.path);
  }

  /**
   * What goes, in an order in which it can be deleted: no path before one that refers to it. What depends on a path that
   * only the builder signed goes with it, for the store keeps no path without its references.
   */
  doomed(): Doomed[] {
    const because = new Map<string, string | undefined>(this.#suspects.map((path) => [path, undefined]));
    const finished: string[] = [];
    const visited = new Set<string>();
    for (const suspect of this.#suspects) this.#visit(suspect, suspect, because, visited, finished);
    return finished.map((path) => ({ path, narSize: this.#sizes.get(path) ?? 0, because: because.get(path) }));
  }

  /** Depth first over what refers to a path, without recursion: chains of references can be long. */
  #visit(
    start: string,
    suspect: string,
    because: Map<string, string | undefined>,
    visited: Set<string>,
    finished: string[],
  ): void {
    const stack: { readonly path: string; next: number }[] = [{ path: start, next: 0 }];
    if (visited.has(start)) return;
    visited.add(start);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const referrer = this.#referrers.get(top.path)?.[top.next++];
      if (referrer === undefined) {
        finished.push(top.path);
        stack.pop();
      } else if (!visited.has(referrer)) {
        visited.add(referrer);
        if (!because.has(referrer)) because.set(referrer, suspect);
        stack.push({ path: referrer, next: 0 });
      }
    }
  }

  #onlyOurs(stored: StoredPath): boolean {
    const { signatures, contentAddress } = stored;
    if (contentAddress !== "" || signatures.length === 0) return false;
    return this.#own.valid(stored, signatures).length > 0 && this.#others.valid(stored, signatures).length === 0;
  }
}
