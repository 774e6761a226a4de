/** What retention says to people: the same text before a dry run and a real one. */
import { showBytes } from "../receive/sizes.ts";
import type { Verdict } from "./plan.ts";
import type { PlanSummary, RetainRecord } from "./record.ts";
import { groupsOf, type Survey } from "./survey.ts";

/** How many lines each list has, unless all are asked for. */
const shortList = 20;

/** The plan: what stays, what goes, why, and bytes. `all` names every root that goes, and every group that stays. */
export function describePlan({ plan, summary }: Pick<Survey, "plan" | "summary">, all: boolean): string {
  const { unrooted } = summary;
  return [
    describeBudget(summary),
    "",
    `stays: ${summary.kept} roots, ${showBytes(summary.keptBytes)}`,
    ...shortened(groupsOf(plan.keep).map(groupLine), all),
    "",
    ...(plan.deferred.length === 0
      ? []
      : [
          `goes later, somebody is reading it: ${plan.deferred.length} roots, ${showBytes(bytesOf(plan.deferred))}`,
          ...shortened(oldestFirst(plan.deferred).map(verdictLine), all),
          "",
        ]),
    `goes: ${summary.evicted} roots, ${showBytes(summary.evictedBytes)}`,
    ...shortened(oldestFirst(plan.evict).map(verdictLine), all),
    ...(unrooted.paths === 0
      ? []
      : [`      and ${unrooted.paths} paths, ${showBytes(unrooted.bytes)}, without a root`]),
    "",
  ].join("\n");
}

function bytesOf(verdicts: readonly Verdict[]): number {
  return verdicts.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Roots in the order in which they are evicted. */
export function oldestFirst(verdicts: readonly Verdict[]): Verdict[] {
  return [...verdicts].sort(({ root: a }, { root: b }) => a.time - b.time || (a.name < b.name ? -1 : 1));
}

/** Why nothing is deleted, what holds the space, and what can be done. */
export function describeOverBudget({ plan, summary }: Pick<Survey, "plan" | "summary">): string {
  const holders = groupsOf(plan.keep.filter(({ guarded }) => guarded)).map(groupLine);
  return [
    `over budget: what may not be evicted takes ${showBytes(summary.keptBytes)} alone, ` +
      `and ${showBytes(summary.effectiveBudgetBytes)} are allowed; nothing was deleted`,
    "this holds the space:",
    ...shortened(holders, false),
    "raise retention.diskBudget, end a pin (cachectl unpin), remove old generations of this server, or add disk",
    "",
  ].join("\n");
}

/** What a run came to, in one line or a few. */
export function describeOutcome({ collected, freeBytesAfter, outcome, reason, seconds }: RetainRecord): string {
  const freed = collected?.bytes === undefined ? "" : `, ${showBytes(collected.bytes)} freed`;
  const free = freeBytesAfter === undefined ? "" : `; ${showBytes(freeBytesAfter)} are free now`;
  const deleted = collected === undefined ? "" : `Nix deleted ${collected.paths} paths${freed}${free}`;
  return outcome === "done" ? `${deleted} (${seconds} s)\n` : `${outcome}: ${reason ?? "no reason known"}\n`;
}

function describeBudget(summary: PlanSummary): string {
  const { budgetBytes, effectiveBudgetBytes, freeBytes, minFreeBytes, storeBytes } = summary;
  const budget = `disk budget ${showBytes(budgetBytes)}, the store has ${showBytes(storeBytes)}, free are ${showBytes(freeBytes)}`;
  if (effectiveBudgetBytes === budgetBytes) return budget;
  return `${budget}: lowered to ${showBytes(effectiveBudgetBytes)}, for ${showBytes(minFreeBytes)} are to be free`;
}

function groupLine({ group, bytes, roots }: PlanSummary["holders"][number]): string {
  return `${showBytes(bytes).padStart(11)}  ${String(roots).padStart(5)} ${roots === 1 ? "root " : "roots"}  ${group}`;
}

function verdictLine({ root, bytes, reason }: Verdict): string {
  const day = new Date(root.time * 1000).toISOString().slice(0, 10);
  return `${showBytes(bytes).padStart(11)}  ${day}  ${root.path}: ${reason}`;
}

function shortened(lines: readonly string[], all: boolean): readonly string[] {
  if (all || lines.length <= shortList) return lines;
  return [...lines.slice(0, shortList), `             and ${lines.length - shortList} more (--all names them)`];
}
