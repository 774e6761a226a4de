import type { Graph } from "./plan.ts";

/** A set of store paths that holds, with each path, its closure. */
export class ClosureSet {
  readonly #graph: Graph;
  readonly #below: ClosureSet | undefined;
  readonly #paths = new Set<string>();
  #bytes = 0;
  #visited = 0;

  /** @param below paths that count as there already, without being counted here */
  constructor(graph: Graph, below?: ClosureSet) {
    this.#graph = graph;
    this.#below = below;
  }

  /** Bytes of all that was added. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many paths `fits` has looked at in vain. */
  get visited(): number {
    return this.#visited;
  }

  has(path: string): boolean {
    return this.#paths.has(path) || (this.#below?.has(path) ?? false);
  }

  /** What of this path's closure is not there yet. */
  missing(path: string): string[] {
    return [...(this.#missing(path, Infinity) ?? new Map<string, number>()).keys()];
  }

  /** Adds this path's closure; returns the bytes that it added. */
  add(path: string): number {
    return this.#addAll(this.#missing(path, Infinity) ?? new Map());
  }

  /** Adds this path's closure if that adds no more than `limit` bytes; undefined, with nothing added, when it would. */
  addWithin(path: string, limit: number): number | undefined {
    const missing = this.#missing(path, limit);
    return missing === undefined ? undefined : this.#addAll(missing);
  }

  #addAll(missing: ReadonlyMap<string, number>): number {
    let added = 0;
    for (const [path, bytes] of missing) {
      this.#paths.add(path);
      added += bytes;
    }
    this.#bytes += added;
    return added;
  }

  /**
   * What of the closure is not there yet; undefined as soon as it is more than `limit` bytes. A path that is there has
   * its closure there, so the walk ends at it.
   */
  #missing(path: string, limit: number): Map<string, number> | undefined {
    const found = new Map<string, number>();
    const open = [path];
    let bytes = 0;
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const object = found.has(next) || this.has(next) ? undefined : this.#graph.get(next);
      if (object === undefined) continue;
      bytes += object.bytes;
      if (bytes > limit) {
        this.#visited += found.size;
        return undefined;
      }
      found.set(next, object.bytes);
      for (const reference of object.references) open.push(reference);
    }
    return found;
  }
}
