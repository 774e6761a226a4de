/** Who answers: a person at a terminal, or nobody, when everything must have been given beforehand. */
import type { Interface } from "node:readline/promises";

/** One question. */
export interface Question {
  /** What to give instead of answering: "--host-key KEY". */
  readonly flag: string;
  readonly text: string;
  /** Taken when the answer is empty, and where nobody can be asked. */
  readonly default?: string | undefined;
  /** Offered by number; any other answer is taken as it is. */
  readonly offers?: readonly { readonly value: string; readonly note?: string }[];
  /** What is wrong with an answer, as half a sentence; undefined: nothing. */
  readonly check?: (answer: string) => string | undefined;
}

export interface Asker {
  /** The answer; undefined where nobody can be asked and there is no default: then it is on the list of what is missing. */
  ask(question: Question): Promise<string | undefined>;
  /** Something to know before the next question. */
  tell(text: string): void;
}

/** Asks at a terminal until the answer is a good one. An answer rejects when the input ends (Ctrl-D, Ctrl-C) instead. */
export function terminal(lines: Interface, write: (text: string) => void): Asker {
  const ended = new Promise<never>((_, reject) => {
    lines.once("close", () => {
      reject(new Error("the input ended before the last question. Nothing was written."));
    });
  });
  // Closed after the last question, nobody waits for it.
  ended.catch(() => undefined);
  return {
    tell: (text) => {
      write(`${text}\n`);
    },
    ask: async (question) => {
      write(shown(question));
      for (;;) {
        const typed = (await Promise.race([lines.question("> "), ended])).trim();
        const answer = choose(typed, question);
        const wrong = answer === undefined ? "an answer is needed" : question.check?.(answer);
        if (wrong === undefined) return answer;
        write(`  ${wrong}\n`);
      }
    },
  };
}

/** A number takes the offer of that number, nothing takes the default. */
function choose(typed: string, { offers = [], default: fallback }: Question): string | undefined {
  if (typed === "") return fallback;
  return /^\d+$/.test(typed) ? (offers[Number(typed) - 1]?.value ?? typed) : typed;
}

function shown({ text, offers = [], default: fallback }: Question): string {
  const width = Math.max(0, ...offers.map(({ value }) => value.length));
  const list = offers.map(({ value, note = "" }, index) => `  ${index + 1}  ${value.padEnd(width)}  ${note}`.trimEnd());
  return [`\n${text}${fallback === undefined ? "" : ` [${fallback}]`}`, ...list, ""].join("\n");
}

/** Takes defaults, and keeps a list of the questions that have none. */
export class NobodyToAsk implements Asker {
  readonly missing: Question[] = [];
  readonly #tell: (text: string) => void;
  constructor(tell: (text: string) => void = () => undefined) {
    this.#tell = tell;
  }
  tell(text: string): void {
    this.#tell(text);
  }
  ask(question: Question): Promise<string | undefined> {
    if (question.default === undefined) this.missing.push(question);
    return Promise.resolve(question.default);
  }
}
