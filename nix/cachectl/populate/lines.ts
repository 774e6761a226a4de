/** The last lines of a stream, whatever its length: what a failure is reported with. */
export class Lines {
  readonly #onLine: ((line: string) => void) | undefined;
  readonly #decoder = new TextDecoder();
  #last: string[] = [];
  #rest = "";

  constructor(onLine?: (line: string) => void) {
    this.#onLine = onLine;
  }

  add(chunk: Buffer): void {
    const parts = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split(/\r?\n|\r/);
    // A line without an end does not grow without one.
    this.#rest = (parts.pop() ?? "").slice(-longestLine);
    for (const line of parts) this.#push(line);
  }

  last(): readonly string[] {
    return this.#rest === "" ? this.#last : [...this.#last, clean(this.#rest)].slice(-kept);
  }

  #push(line: string): void {
    this.#onLine?.(line);
    this.#last.push(clean(line));
    if (this.#last.length > 2 * kept) this.#last = this.#last.slice(-kept);
  }
}

const kept = 40;
const longestLine = 64 * 1024;
const longestShown = 500;

/** Colours and other control characters of a build's log have no place in a report. */
function clean(line: string): string {
  return line.replaceAll(/\u001b\[[0-9;?]*[A-Za-z]|[\u0000-\u0008\u000b-\u001f\u007f]/g, "").slice(0, longestShown);
}
