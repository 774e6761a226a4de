/** One run of retention: plan, withdraw, evict, collect, and a record of it. */
import type { Collected } from "./collect.ts";
import { evictRoots, type Eviction } from "./evict.ts";
import type { RetainRecord } from "./record.ts";
import { oldestFirst } from "./report.ts";
import { survey, type Survey, type SurveySources } from "./survey.ts";
import type { Withdrawal } from "./withdrawal.ts";

/** What a run works with besides what it reads. */
export interface RetainTools {
  readonly sources: SurveySources;
  readonly rootsDirectory: string;
  readonly stop: AbortSignal;
  /** Begins to watch the store, to take from readers what goes; undefined where nothing is to be seen of readers. */
  withdrawal(): Withdrawal | undefined;
  /** Runs Nix's own collector. */
  collect(): Promise<Collected>;
  /** Told the plan before anything is done. */
  planned(survey: Survey): void;
  /** Keeps the record of the run, also when it is not whole yet. Never throws. */
  record(record: RetainRecord): void;
}

/** What was done, for machines. */
export interface RetainResult {
  readonly record: RetainRecord;
  readonly survey: Survey;
  readonly eviction?: Eviction;
}

/**
 * Evicts what the plan says and lets Nix delete what no root keeps any more. Killed at any point it leaves the store as
 * Nix keeps it, and roots that each still keep a whole closure: the next run plans anew from what there is. Over budget
 * by protected things alone, it deletes nothing: the outcome says so. Throws an Error, having recorded it, when it fails.
 */
export async function retain(tools: RetainTools): Promise<RetainResult> {
  const begun = Date.now();
  let record: RetainRecord = { version: 1, time: new Date(begun).toISOString(), seconds: 0, outcome: "running" };
  const note = (more: Partial<RetainRecord>): RetainRecord => {
    record = { ...record, seconds: Math.round((Date.now() - begun) / 1000), ...more };
    tools.record(record);
    return record;
  };
  let withdrawal: Withdrawal | undefined;
  try {
    note({});
    withdrawal = tools.withdrawal();
    const found = await survey(tools.sources);
    note({ plan: found.summary });
    if (found.plan.overBudget) {
      tools.planned(found);
      const reason = "what may not be evicted is alone over the budget";
      return { record: note({ outcome: "over-budget", reason }), survey: found };
    }
    return await carryOut(tools, withdrawal, found, note);
  } catch (error) {
    note({ outcome: tools.stop.aborted ? "stopped" : "failed", reason: error instanceof Error ? error.message : "" });
    throw error;
  } finally {
    withdrawal?.end();
  }
}

async function carryOut(
  tools: RetainTools,
  withdrawal: Withdrawal | undefined,
  planned: Survey,
  note: (more: Partial<RetainRecord>) => RetainRecord,
): Promise<RetainResult> {
  const found = (await withdrawal?.decide(planned)) ?? planned;
  tools.planned(found);
  note({ plan: found.summary });
  const roots = oldestFirst(found.plan.evict).map(({ root }) => root);
  const eviction = evictRoots(roots, tools.rootsDirectory, tools.stop);
  tools.stop.throwIfAborted();
  withdrawal?.spare(found, new Set(eviction.left));
  const collected = await tools.collect();
  withdrawal?.end();
  const freeBytesAfter = tools.sources.freeBytes();
  return { record: note({ outcome: "done", collected, freeBytesAfter }), survey: found, eviction };
}
