import type { Check } from "../check.ts";
import { failure, ok, warning, type Verdict } from "../finding.ts";
import { showDuration } from "../show.ts";
import { showBytes } from "../../receive/sizes.ts";
import { readRecord, type RetainRecord } from "../../retain/record.ts";

export const retainCheck: Check = {
  name: "retain",
  roles: ["server"],
  run: ({ paths }) => judgeRetain(readRecord(paths.state), Date.now()),
};

const stale = 15 * 24 * 3600_000;

/** The last retention: whether there was one, what it came to, and how long ago. */
export function judgeRetain(record: RetainRecord | undefined, now: number): Verdict {
  if (record === undefined)
    return warning("has never run", "sudo cachectl retain --dry-run, then: sudo cachectl retain");
  const when = `${showDuration(now - Date.parse(record.time))} ago`;
  const { plan } = record;
  if (record.outcome === "over-budget") {
    const [holder] = plan?.holders ?? [];
    const most = holder === undefined ? "" : `; most of it is ${holder.group} (${showBytes(holder.bytes)})`;
    return failure(
      `${when}: what must stay is ${showBytes(plan?.keptBytes ?? 0)}, the budget ${showBytes(plan?.effectiveBudgetBytes ?? 0)}${most}`,
      "raise retention.diskBudget or lower retention.keepSystems, then pulumi up",
    );
  }
  if (record.outcome === "failed")
    return failure(`failed ${when}: ${(record.reason ?? "").slice(0, 160)}`, "sudo cachectl retain");
  if (now - Date.parse(record.time) > stale) {
    return failure(`the last run was ${when}: its timer does not run`, "systemctl list-timers 'nix-binary-cache*'");
  }
  return ok(plan === undefined ? when : `${showBytes(plan.keptBytes)} of ${showBytes(plan.budgetBytes)} kept, ${when}`);
}
