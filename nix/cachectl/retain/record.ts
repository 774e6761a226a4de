import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fieldsOf, parseJson } from "../lib/json.ts";
import { replaceFile } from "../lib/replace-file.ts";

/** What the last run came to: `retain.json` in the state folder, for `cachectl status`. Sizes are bytes. */
export interface RetainRecord {
  readonly version: 1;
  /** When it began, ISO 8601 in UTC. */
  readonly time: string;
  readonly seconds: number;
  /**
   * `running`: it is at it, or was killed: then `retain.lock` is free. `over-budget`: what may not be evicted is alone
   * over the budget, and nothing was done. `stopped`: asked to end; the next run goes on.
   */
  readonly outcome: "running" | "done" | "over-budget" | "failed" | "stopped";
  /** Why it failed, in words for people. */
  readonly reason?: string;
  /** What follows is absent when the run failed before it had a plan. */
  readonly plan?: PlanSummary;
  /** Absent when the collector was not run, or failed. */
  readonly collected?: { readonly paths: number; readonly bytes?: number };
  readonly freeBytesAfter?: number;
}

/** A plan in numbers. */
export interface PlanSummary {
  readonly budgetBytes: number;
  /** The budget that was kept to: less than `budgetBytes` where the disk is short of `minFreeBytes`. */
  readonly effectiveBudgetBytes: number;
  readonly minFreeBytes: number;
  readonly freeBytes: number;
  /** All valid paths together. */
  readonly storeBytes: number;
  readonly keptBytes: number;
  readonly kept: number;
  readonly evicted: number;
  /** What evicting the roots frees. */
  readonly evictedBytes: number;
  /** Roots that go later, for somebody is reading what they hold; absent in records of earlier versions. */
  readonly deferred?: number;
  /** Paths that no root keeps in any case. */
  readonly unrooted: { readonly paths: number; readonly bytes: number };
  /** The largest of what stays, at most 10. */
  readonly holders: readonly { readonly group: string; readonly bytes: number; readonly roots: number }[];
}

function recordFile(stateDirectory: string): string {
  return join(stateDirectory, "retain.json");
}

/** Writes the record, whole or not at all. */
export function writeRecord(stateDirectory: string, record: RetainRecord): void {
  replaceFile(recordFile(stateDirectory), `${JSON.stringify(record, undefined, 2)}\n`, 0o644);
  // For everybody's `cachectl status`; the unit's umask is tight.
  chmodSync(recordFile(stateDirectory), 0o644);
}

/** The last record; undefined when there is none that can be read. */
export function readRecord(stateDirectory: string): RetainRecord | undefined {
  try {
    const record = parseJson(readFileSync(recordFile(stateDirectory), "utf8"));
    return fieldsOf(record).get("version") === 1 ? (record as RetainRecord) : undefined;
  } catch {
    return undefined;
  }
}
