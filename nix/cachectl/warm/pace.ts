/** Keeps a stream of bytes at a rate, and a run within a total; shared by everything that is fetched at the same time. */
export class Pace {
  readonly #bytesPerSecond: number;
  readonly #maxBytes: number;
  readonly #now: () => number;
  #total = 0;
  #free: number;

  /** `now` is in milliseconds. */
  constructor(bytesPerSecond: number, maxBytes: number, now: () => number = Date.now) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#maxBytes = maxBytes;
    this.#now = now;
    this.#free = now();
  }

  /** Bytes so far. */
  get total(): number {
    return this.#total;
  }

  /** Whether the total is used up. */
  get spent(): boolean {
    return this.#total >= this.#maxBytes;
  }

  /** Takes note of bytes that came; returns the milliseconds to wait before taking more. */
  take(bytes: number): number {
    this.#total += bytes;
    const now = this.#now();
    this.#free = Math.max(this.#free, now) + (bytes / this.#bytesPerSecond) * 1000;
    return this.#free - now;
  }
}
