/** The steps of something long, for somebody who watches: which one, how it goes, how long it took, and what failed. */
import type { OnLine } from "../engine/progress.ts";
import { secondsSince } from "./package.ts";

/** A step that was done. */
export interface DoneStep {
  readonly name: string;
  readonly seconds: number;
}

export class Steps {
  readonly done: DoneStep[] = [];
  readonly #say: OnLine;
  #now: { readonly name: string; readonly look: string } | undefined;

  constructor(say: OnLine) {
    this.#say = say;
  }

  /** Runs one step. @param look the command that shows more, should it fail */
  async run<T>(name: string, look: string, work: (say: OnLine) => Promise<T>): Promise<T> {
    this.#now = { name, look };
    this.#say(`\n[${this.done.length + 1}] ${name}`);
    const started = performance.now();
    const result = await work((line) => this.#say(`    ${line}`));
    const seconds = secondsSince(started);
    this.done.push({ name, seconds });
    this.#now = undefined;
    this.#say(`    done in ${seconds.toFixed(1)} s`);
    return result;
  }

  /** What to say of the step that failed: which, why, and what to do. */
  failure(error: unknown): string {
    const reason = error instanceof Error ? error.message : String(error);
    const { name, look } = this.#now ?? { name: "the account", look: "npm run lab -- status" };
    const lines = [`\nFAILED: ${name}`, `  ${reason.split("\n").join("\n  ")}`];
    return `${[...lines, "", `To look closer: ${look}`, "Running `npm start` again goes on from here."].join("\n")}\n`;
  }
}
