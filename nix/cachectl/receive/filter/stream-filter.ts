import { Transform, type TransformCallback } from "node:stream";
import type { Demand, Routine } from "./wire.ts";

const nothing = Buffer.alloc(0);

/**
 * Feeds a protocol routine with the bytes that come in; what comes out is what the routine wrote (`emit`) or let pass.
 * Holds at most one demand and one chunk in memory, whatever the sender does. A Refusal thrown by the routine destroys
 * the stream with it.
 */
export class StreamFilter extends Transform {
  readonly #routine: Routine<void>;
  #demand: Demand;
  #pending: Buffer = nothing;
  #left = 0;

  constructor(makeRoutine: (emit: (bytes: Buffer) => void) => Routine<void>) {
    super();
    this.#routine = makeRoutine((bytes) => void this.push(bytes));
    this.#demand = this.#resume(nothing);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    try {
      this.#consume(this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]));
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  #consume(bytes: Buffer): void {
    let offset = 0;
    for (;;) {
      const used = this.#meet(bytes, offset);
      if (used === undefined) break;
      offset += used;
    }
    // A copy, so that a few waiting bytes do not keep a whole chunk alive.
    this.#pending = Buffer.from(bytes.subarray(offset));
  }

  /** Meets the demand, or a part of a `pass`; the count of bytes used, or undefined when more must come first. */
  #meet(bytes: Buffer, offset: number): number | undefined {
    const available = bytes.length - offset;
    if ("take" in this.#demand) {
      const { take } = this.#demand;
      if (available < take) return undefined;
      this.#demand = this.#resume(bytes.subarray(offset, offset + take));
      return take;
    }
    const passed = Math.min(available, this.#left);
    if (passed === 0 && this.#left > 0) return undefined;
    if (passed > 0) this.push(bytes.subarray(offset, offset + passed));
    this.#left -= passed;
    if (this.#left === 0) this.#demand = this.#resume(nothing);
    return passed;
  }

  #resume(bytes: Buffer): Demand {
    const step = this.#routine.next(bytes);
    if (step.done === true) throw new Error("the protocol's routine has ended: it must read until the stream ends");
    if ("pass" in step.value) this.#left = step.value.pass;
    return step.value;
  }
}
