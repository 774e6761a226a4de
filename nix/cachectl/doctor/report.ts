import { plural } from "./show.ts";
import type { Finding, Level } from "./finding.ts";

/** What `cachectl doctor --json` prints. */
export interface DoctorReport {
  readonly role: string;
  readonly seconds: number;
  /** The worst of the findings. */
  readonly level: "ok" | "warning" | "failure";
  readonly findings: readonly Finding[];
}

/** Puts the findings together. */
export function reportOf(role: string, findings: readonly Finding[], seconds: number): DoctorReport {
  const has = (level: Level): boolean => findings.some((finding) => finding.level === level);
  return { role, seconds, level: has("failure") ? "failure" : has("warning") ? "warning" : "ok", findings };
}

const marks: Readonly<Record<Level, string>> = { ok: "ok", warning: "warning", failure: "FAILURE", skipped: "-" };

/** A line for each finding, and under it the command that mends it. */
export function describeDoctor({ role, findings, seconds }: DoctorReport): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const indent = " ".repeat(9 + width + 2);
  const lines = findings.flatMap(({ check, level, found, mend }) => [
    `${marks[level].padEnd(9)}${check.padEnd(width)}  ${found}`,
    ...(mend === undefined ? [] : [`${indent}→ ${mend}`]),
  ]);
  const count = (level: Level): number => findings.filter((finding) => finding.level === level).length;
  const end = `${role}: ${plural(count("failure"), "failure")}, ${plural(count("warning"), "warning")}, ${count("ok")} well; ${seconds.toFixed(1)} s`;
  return [...lines, end, ""].join("\n");
}
