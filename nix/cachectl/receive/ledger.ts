import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, readSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

const buffered = 64 * 1024;

/**
 * How many NAR bytes a builder has sent today: one line a path in `announced/BUILDER/YYYY-MM-DD`, appended, so that
 * sessions at the same time need no lock. Earlier days are removed when a new one begins.
 */
export class Ledger {
  readonly #directory: string;
  readonly #today: () => string;
  #day = "";
  #read = 0;
  #total = 0;
  #rest = "";

  constructor(directory: string, today: () => string = () => new Date().toISOString().slice(0, 10)) {
    this.#directory = directory;
    this.#today = today;
  }

  /** Bytes of today, those of other sessions with them. */
  total(): number {
    const file = this.#open();
    try {
      this.#catchUp(file);
    } finally {
      closeSync(file);
    }
    return this.#total;
  }

  /** Adds the bytes of one path. */
  add(bytes: number): void {
    const file = this.#open();
    try {
      writeSync(file, `${bytes}\n`);
    } finally {
      closeSync(file);
    }
  }

  #open(): number {
    const day = this.#today();
    if (day !== this.#day) {
      mkdirSync(this.#directory, { recursive: true, mode: 0o750 });
      for (const name of readdirSync(this.#directory))
        if (name < day) rmSync(join(this.#directory, name), { force: true });
      [this.#day, this.#read, this.#total, this.#rest] = [day, 0, 0, ""];
    }
    return openSync(join(this.#directory, day), "a+", 0o640);
  }

  /** Reads only what was appended since the last time: a day can have 100,000 lines. */
  #catchUp(file: number): void {
    const { size } = fstatSync(file);
    const buffer = Buffer.alloc(buffered);
    while (this.#read < size) {
      const count = readSync(file, buffer, 0, buffer.length, this.#read);
      if (count === 0) return;
      this.#read += count;
      const lines = (this.#rest + buffer.toString("latin1", 0, count)).split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines) this.#total += /^\d{1,16}$/.test(line) ? Number(line) : 0;
    }
  }
}
