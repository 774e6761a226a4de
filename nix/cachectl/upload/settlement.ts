import type { Entry } from "../queue/entry.ts";
import type { Queue } from "../queue/queue.ts";
import { setBack } from "./backoff.ts";
import type { Outcome } from "./deliver.ts";
import { keptLatencies, keptSkips, type UploadState } from "./state.ts";

/**
 * Entries of one batch, settled path by path. An entry leaves the queue at the moment in which the last of its paths is
 * confirmed, and not before.
 */
export class Settlement {
  readonly #queue: Queue;
  readonly #entries: readonly Entry[];
  readonly #byPath = new Map<string, Entry[]>();
  readonly #outcomes = new Map<string, Outcome>();
  readonly #left = new Set<string>();
  readonly #say: (line: string) => void;
  #state: UploadState;

  constructor(queue: Queue, entries: readonly Entry[], state: UploadState, say: (line: string) => void) {
    this.#queue = queue;
    this.#entries = entries;
    this.#state = state;
    this.#say = say;
    for (const entry of entries)
      for (const path of entry.paths) this.#byPath.set(path, [...(this.#byPath.get(path) ?? []), entry]);
  }

  get state(): UploadState {
    return this.#state;
  }

  /** Every path of the batch, once. */
  get paths(): readonly string[] {
    return [...this.#byPath.keys()];
  }

  /** Whether every entry's fate is known. */
  get complete(): boolean {
    return this.#left.size === this.#entries.length;
  }

  /** Says what became of a path. Throws an Error when the queue can't be changed. */
  settle(path: string, outcome: Outcome): void {
    if (this.#outcomes.has(path)) return;
    this.#outcomes.set(path, outcome);
    this.#count(path, outcome);
    for (const entry of this.#byPath.get(path) ?? []) {
      if (entry.paths.every((other) => this.#outcomes.has(other))) this.#close(entry);
    }
  }

  #close(entry: Entry): void {
    this.#left.add(entry.id);
    const outcomes = entry.paths.map((path) => ({ path, outcome: this.#outcomes.get(path) }));
    const worst = (kind: Outcome["kind"]): string | undefined => {
      const found = outcomes.find(({ outcome }) => outcome?.kind === kind);
      if (found?.outcome === undefined || found.outcome.kind === "committed") return undefined;
      return `${found.path}: ${found.outcome.reason}`;
    };
    const [failed, gone] = [worst("failed"), worst("gone")];
    if (failed !== undefined) {
      this.#defer(entry, failed);
      return;
    }
    if (gone !== undefined) {
      this.#queue.reject(entry.id, gone);
      this.#queue.unroot(entry.id);
      this.#say(`set aside: ${gone}`);
      this.#state = { ...this.#state, rejected: this.#state.rejected + 1 };
    } else {
      this.#queue.remove(entry.id);
      this.#recordLatency(entry);
    }
    this.#forget(entry.id);
  }

  #defer(entry: Entry, reason: string): void {
    const setback = setBack(this.#state.entries[entry.id], reason, Date.now());
    this.#state = { ...this.#state, entries: { ...this.#state.entries, [entry.id]: setback } };
    this.#say(`failed, tried again later: ${reason}`);
  }

  #forget(id: string): void {
    if (!(id in this.#state.entries)) return;
    const entries = Object.fromEntries(Object.entries(this.#state.entries).filter(([other]) => other !== id));
    this.#state = { ...this.#state, entries };
  }

  #count(path: string, outcome: Outcome): void {
    const { kind } = outcome;
    if (kind === "committed") {
      this.#state = { ...this.#state, uploadedPaths: this.#state.uploadedPaths + 1, lastSuccess: Date.now() };
    } else if (kind === "excluded" || kind === "too large") {
      const { excluded, tooLarge, last } = this.#state.skipped;
      const skipped = {
        excluded: excluded + (kind === "excluded" ? 1 : 0),
        tooLarge: tooLarge + (kind === "too large" ? 1 : 0),
        last: [...last, { path, reason: outcome.reason, at: Date.now() }].slice(-keptSkips),
      };
      this.#state = { ...this.#state, skipped };
    }
  }

  /** Only from paths that went to the server, and only where the clock did not go back in between. */
  #recordLatency(entry: Entry): void {
    if (!entry.paths.some((path) => this.#outcomes.get(path)?.kind === "committed")) return;
    const seconds = (Date.now() - entry.queuedAt) / 1000;
    if (seconds < 0) return;
    const latencies = [...this.#state.latencies, Math.round(seconds * 1000) / 1000].slice(-keptLatencies);
    this.#state = { ...this.#state, latencies };
  }
}
