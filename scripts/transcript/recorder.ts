/** Writes down what a terminal would show, with the seconds at which it came: as plain text and as an asciinema cast. */
import { stripVTControlCharacters } from "node:util";

/** Something that came at a time; seconds since the beginning. */
interface Event {
  readonly at: number;
  readonly text: string;
}

/** What is replaced in everything that is written down: names of this machine's folders, by what a reader would have. */
export type Aliases = ReadonlyMap<string, string>;

export class Recorder {
  readonly #events: Event[] = [];
  readonly #started = performance.now();
  readonly #aliases: Aliases;
  readonly #echo: (text: string) => void;

  /** @param echo gets everything as it comes */
  constructor(aliases: Aliases, echo: (text: string) => void) {
    this.#aliases = aliases;
    this.#echo = echo;
  }

  /** Whole seconds since the beginning. */
  get seconds(): number {
    return Math.round((performance.now() - this.#started) / 1000);
  }

  /** A command as somebody types it, at a prompt that names the machine. */
  command(machine: string, text: string): void {
    this.output(`\n${machine}$ ${text}\n`);
  }

  /** What the person thinks, as a comment. */
  comment(text: string): void {
    this.output(`\n# [${clock(this.seconds)}] ${text}\n`);
  }

  output(text: string): void {
    let shown = stripVTControlCharacters(text).replaceAll("\r\n", "\n");
    for (const [name, alias] of this.#aliases) shown = shown.replaceAll(name, alias);
    this.#events.push({ at: (performance.now() - this.#started) / 1000, text: shown });
    this.#echo(shown);
  }

  /** Everything, as plain text. */
  text(): string {
    return `${this.#events
      .map(({ text }) => text)
      .join("")
      .trim()}\n`;
  }

  /** Version 2 of asciinema's file format (docs.asciinema.org/manual/asciicast/v2): a header, then an event a line. */
  cast(title: string): string {
    const header = { version: 2, width: 120, height: 40, title };
    const lines = this.#events.map(({ at, text }) => [Number(at.toFixed(3)), "o", text.replaceAll("\n", "\r\n")]);
    return [header, ...lines].map((line) => JSON.stringify(line)).join("\n") + "\n";
  }
}

/** "02:05" */
function clock(seconds: number): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${two(Math.floor(seconds / 60))}:${two(seconds % 60)}`;
}
