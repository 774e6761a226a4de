/** What the canaries came to: `canary.json` of the state, for `cachectl status` and the doctor. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fieldsOf, listOf, numberOf, parseJson } from "../lib/json.ts";
import { replaceFile } from "../lib/replace-file.ts";

/** One canary. */
export interface CanaryRun {
  /** When it was built, milliseconds since 1970. */
  readonly at: number;
  /** From the end of the build until the cache served it whole; undefined when it did not. */
  readonly seconds: number | undefined;
  /** Why it did not. */
  readonly problem?: string;
}

const kept = 500;

/** The runs so far, the latest last; none where there is no such file. */
export function readHistory(state: string): readonly CanaryRun[] {
  let text: string;
  try {
    text = readFileSync(fileIn(state), "utf8");
  } catch {
    return [];
  }
  return listOf(parseJson(text)).flatMap((value) => {
    const fields = fieldsOf(value);
    const [at, seconds, problem] = [numberOf(fields.get("at")), numberOf(fields.get("seconds")), fields.get("problem")];
    if (at === undefined) return [];
    return [{ at, seconds, ...(typeof problem === "string" && { problem }) }];
  });
}

/** Adds a run; the oldest go. Throws an Error when it can't be written. */
export function addToHistory(state: string, run: CanaryRun): void {
  const runs = [...readHistory(state), run].slice(-kept);
  replaceFile(fileIn(state), `${JSON.stringify(runs)}\n`, 0o644);
}

function fileIn(state: string): string {
  return join(state, "canary.json");
}
