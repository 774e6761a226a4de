/** What changes in a policy, for people to read before it happens. */
import { structuredPatch } from "diff";

/** Beyond this many lines the rest is counted only. */
const mostLines = 120;

/** A short unified diff: changed lines with one line of context. "" when nothing changes. */
export function policyDiff(before: string, after: string): string {
  if (before === after) return "";
  const { hunks } = structuredPatch("", "", before, after, "", "", { context: 1 });
  const lines = hunks.flatMap(({ oldStart, lines: changed }) => [`@@ line ${oldStart} @@`, ...changed]);
  const rest = lines.length - mostLines;
  return [...lines.slice(0, mostLines), ...(rest > 0 ? [`… and ${rest} more lines`] : [])].join("\n");
}
