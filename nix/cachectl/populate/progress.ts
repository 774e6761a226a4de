/** What a person at a terminal, or the journal, sees of a run while it goes on. */
import type { Writable } from "node:stream";
import { shorten } from "./report.ts";
import type { OutputResult } from "./result.ts";

export interface Progress {
  note(text: string): void;
  begin(number: number, total: number, output: string, lock: OutputResult["lock"]): void;
  end(result: OutputResult): void;
}

/** Lines on `stream`: each step on a terminal, ends alone elsewhere, nothing when `quiet`. */
export function progressOn(stream: Writable & { readonly isTTY?: boolean }, quiet: boolean): Progress {
  const isTerminal = stream.isTTY === true;
  let place = "";
  const say = (text: string): void => void stream.write(`${text}\n`);
  return {
    note: (text) => {
      if (isTerminal) say(text);
    },
    begin: (number, total, output, lock) => {
      place = `[${String(number).padStart(String(total).length)}/${total}] ${output}${lock === "updated" ? " (updated lock)" : ""}`;
      if (isTerminal) say(place);
    },
    end: ({ status, seconds, reason }) => {
      if (quiet && !isTerminal) return;
      say(`${place}: ${status}${reason === undefined ? "" : ` (${shorten(reason)})`}, ${seconds.toFixed(1)} s`);
    },
  };
}
