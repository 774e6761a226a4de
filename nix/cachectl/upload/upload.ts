import { setTimeout as sleep } from "node:timers/promises";
import type { Entry } from "../queue/entry.ts";
import type { Queue } from "../queue/queue.ts";
import { isDue, setBack } from "./backoff.ts";
import { deliver, type Delivery } from "./deliver.ts";
import { NixAway } from "./local-store.ts";
import type { ToldQueue } from "../receive/told-queue.ts";
import { ServerAway } from "./server.ts";
import { Settlement } from "./settlement.ts";
import { emptyState, readState, writeState, type UploadState } from "./state.ts";

/** What one run of the uploader works with. */
export interface UploadRun {
  readonly queue: Queue;
  /** The folder of `state.json`. */
  readonly stateFolder: string;
  /** What delivers paths; made only when something is to be sent. Throws an Error when the configuration is no use. */
  connect(): Omit<Delivery, "settle" | "stop"> & { readonly batchPaths: number; close(): Promise<void> };
  readonly say: (line: string) => void;
  readonly stop: AbortSignal;
  /** Milliseconds to wait when the hook's folder can't be emptied, lest whatever watches it start this again at once. @default 30000 */
  readonly stuckMilliseconds?: number;
}

/** How a run ended. */
export interface UploadResult {
  /** Paths that the server confirmed in this run. */
  readonly uploaded: number;
  readonly skipped: number;
  /** Entries set aside in this run. */
  readonly rejected: number;
  /** Entries that still wait. */
  readonly waiting: number;
  /** Why nothing more was sent, if something is in the way. */
  readonly reason?: string;
}

/**
 * Empties the queue as far as it goes now. The caller holds the lock. First of all the hook's folder is emptied: whatever
 * goes wrong after that, nothing starts this again at once. Throws an Error when the queue or the configuration is no use.
 */
export async function upload(run: UploadRun): Promise<UploadResult> {
  const before = readState(run.stateFolder);
  const session = new UploadSession(run, before);
  try {
    await session.drain();
  } finally {
    await session.close();
  }
  return session.result();
}

/** A clock that was set may make an entry older than the server believes of any. */
const mostSeconds = 10 * 365 * 24 * 3600;

class UploadSession {
  readonly #run: UploadRun;
  readonly #before: UploadState;
  readonly #tried = new Set<string>();
  #state: UploadState;
  #connection: ReturnType<UploadRun["connect"]> | undefined;

  constructor(run: UploadRun, state: UploadState) {
    this.#run = run;
    this.#before = this.#state = state;
  }

  async drain(): Promise<void> {
    const { queue, say, stop } = this.#run;
    queue.prepare();
    await this.#takeIn();
    for (const id of queue.adopt()) say(`queued again: ${id}, which had roots and no entry`);
    queue.clean();
    while (!stop.aborted && isDue(this.#state.server, Date.now())) {
      const entries = this.#nextBatch();
      if (entries.length === 0) break;
      await this.#send(entries);
      await this.#takeIn();
    }
  }

  async close(): Promise<void> {
    const reached = this.#state.server === undefined && !this.#run.stop.aborted;
    if (reached) await this.#connection?.server.tell(this.#waiting());
    await this.#connection?.close();
    if (this.#state !== this.#before) this.#save();
  }

  result(): UploadResult {
    const [now, then] = [this.#state, this.#before];
    const { waiting, arrived } = this.#run.queue.snapshot();
    const skips = ({ skipped }: UploadState): number => skipped.excluded + skipped.tooLarge;
    return {
      uploaded: now.uploadedPaths - then.uploadedPaths,
      skipped: skips(now) - skips(then),
      rejected: now.rejected - then.rejected,
      waiting: waiting.length + arrived.length,
      ...(now.server && { reason: now.server.reason }),
    };
  }

  /** What still waits, and for how long by this machine's clock. */
  #waiting(): ToldQueue {
    const { waiting, arrived } = this.#run.queue.snapshot();
    const entries = waiting.length + arrived.length;
    const age = waiting[0] === undefined ? 0 : Math.floor((Date.now() - waiting[0].queuedAt) / 1000);
    return { entries, oldestSeconds: entries === 0 ? undefined : Math.min(Math.max(age, 0), mostSeconds) };
  }

  async #takeIn(): Promise<void> {
    const { queue, say, stop, stuckMilliseconds = 30_000 } = this.#run;
    const { retry, stuck } = queue.takeIn();
    if (retry) {
      this.#state = { ...this.#withoutServer(), entries: emptyState.entries };
      this.#tried.clear();
    }
    if (stuck.length === 0) return;
    say(`can't be moved out of the hook's folder: ${stuck.slice(0, 5).join(", ")}`);
    await sleep(stuckMilliseconds, undefined, { signal: stop }).catch(() => undefined);
  }

  /** The oldest entries that are due, as many as come to one batch of paths. */
  #nextBatch(): readonly Entry[] {
    const now = Date.now();
    const due = this.#run.queue
      .waiting()
      .filter(({ id }) => !this.#tried.has(id) && isDue(this.#state.entries[id], now));
    if (due.length === 0) return [];
    this.#connection ??= this.#run.connect();
    const batch: Entry[] = [];
    let paths = 0;
    for (const { id } of due) {
      this.#tried.add(id);
      const entry = this.#read(id);
      if (entry === undefined) continue;
      batch.push(entry);
      paths += entry.paths.length;
      if (paths >= this.#connection.batchPaths) break;
    }
    return batch;
  }

  #read(id: string): Entry | undefined {
    const { entry, rejected } = this.#run.queue.read(id);
    if (rejected === undefined) return entry;
    this.#state = { ...this.#state, rejected: this.#state.rejected + 1 };
    const more = entry === undefined ? "" : "; its roots name its paths";
    this.#run.say(`set aside: entry ${id} ${rejected.reason}${more}`);
    return entry;
  }

  async #send(entries: readonly Entry[]): Promise<void> {
    const { queue, say, stop } = this.#run;
    if (this.#connection === undefined) return;
    this.#state = { ...this.#state, lastAttempt: Date.now() };
    const settlement = new Settlement(queue, entries, this.#state, say);
    const settle: Delivery["settle"] = (path, outcome) => settlement.settle(path, outcome);
    try {
      await deliver(settlement.paths, { ...this.#connection, settle, stop });
      this.#state = settlement.state;
      if (!stop.aborted) this.#state = this.#withoutServer();
    } catch (error) {
      this.#state = settlement.state;
      if (!(error instanceof ServerAway || error instanceof NixAway)) throw error;
      if (stop.aborted) return;
      this.#state = { ...this.#state, server: setBack(this.#state.server, error.message, Date.now()) };
      say(`nothing can be sent now: ${error.message}`);
    }
    this.#save();
  }

  #withoutServer(): UploadState {
    return { ...this.#state, server: undefined };
  }

  /** A full disk must not keep uploads from going on: what is forgotten is when to try again, and counts. */
  #save(): void {
    try {
      writeState(this.#run.stateFolder, this.#state);
    } catch (error) {
      this.#run.say(`what was done can't be written down: ${(error as Error).message}`);
    }
  }
}
