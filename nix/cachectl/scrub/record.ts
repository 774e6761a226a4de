import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fieldsOf, parseJson } from "../lib/json.ts";
import { replaceFile } from "../lib/replace-file.ts";

/** A path whose bytes are not what they should be, and what was done. */
export interface Finding {
  readonly path: string;
  /** ISO 8601 in UTC. */
  readonly time: string;
  /** What was found, in words. */
  readonly problem: string;
  /**
   * `repaired`: fetched or built anew, and checked. `taken-out`: deleted with all that needs it. `withheld`: neither could
   * be done; it is there and not served. `passed`: right when it was read a second time: the disk or memory is unsound.
   */
  readonly outcome: "repaired" | "taken-out" | "withheld" | "passed";
  /** How it was repaired, or why it was not. */
  readonly detail: string;
  /** Paths that went, or are withheld, with it. */
  readonly others: readonly string[];
}

/** The pass under way or the last one: `scrub.json` in the state folder. Sizes are bytes. */
export interface ScrubRecord {
  readonly version: 1;
  /** When the pass began, and when it was last at work, ISO 8601 in UTC. */
  readonly time: string;
  readonly updated: string;
  /** `running`: it is at it, or was killed: then `scrub.lock` is free. `stopped`: the next run goes on. */
  readonly outcome: "running" | "done" | "stopped" | "failed";
  readonly reason?: string;
  /** The last path that was checked: the next run goes on behind it. */
  readonly position: string;
  readonly checked: number;
  readonly checkedBytes: number;
  readonly total: number;
  readonly findings: readonly Finding[];
  /** When the last whole pass ended. */
  readonly lastWhole?: string;
}

function recordFile(stateDirectory: string): string {
  return join(stateDirectory, "scrub.json");
}

/** Writes the record, whole or not at all. */
export function writeScrubRecord(stateDirectory: string, record: ScrubRecord): void {
  replaceFile(recordFile(stateDirectory), `${JSON.stringify(record, undefined, 2)}\n`, 0o644);
  // For everybody's `cachectl status`; the unit's umask is tight.
  chmodSync(recordFile(stateDirectory), 0o644);
}

/** The last record; undefined when there is none that can be read. */
export function readScrubRecord(stateDirectory: string): ScrubRecord | undefined {
  try {
    const record = parseJson(readFileSync(recordFile(stateDirectory), "utf8"));
    return fieldsOf(record).get("version") === 1 ? (record as ScrubRecord) : undefined;
  } catch {
    return undefined;
  }
}
