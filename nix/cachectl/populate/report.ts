/** A run's result for people: aligned, short, with what to do next. */
import { showBytes } from "../receive/sizes.ts";
import { showAttribute } from "./attribute.ts";
import type { OutputResult, PopulateResult, Status } from "./result.ts";

const order: readonly Status[] = ["built", "fetched", "present", "unchanged", "upstream", "left", "failed", "skipped"];

/** The whole report, ending in a line break. */
export function describeResult(result: PopulateResult): string {
  const { host, flake, revision, outputs, problems, stopped, pushed } = result;
  const head = `populate on ${host}: ${flake}${revision === undefined ? "" : ` at ${revision}`}, ${duration(result.seconds)}`;
  const names = outputs.map((output) => showName(output));
  const width = Math.max(0, ...names.map((name) => name.length));
  return [
    head,
    ...outputs.flatMap((output, index) => describeOutput(output, (names[index] ?? "").padEnd(width))),
    ...problems.map((problem) => `  problem    ${problem}`),
    ...describeLeft(result),
    ...(pushed === undefined ? [] : [`the updated lock is on branch ${pushed.branch} (${pushed.commit.slice(0, 8)})`]),
    `${summary(outputs)}${stopped ? "; stopped before the end" : ""}`,
    ...next(result),
    "",
  ].join("\n");
}

function showName({ output, lock }: OutputResult): string {
  return lock === "updated" ? `${output} (updated lock)` : output;
}

function describeOutput(output: OutputResult, name: string): string[] {
  const { status, reason, log = [] } = output;
  const details = [...(reason === undefined ? [] : [shorten(reason)]), ...amounts(output)].join(", ");
  const line = `  ${status.padEnd(9)}  ${name}  ${`${output.seconds.toFixed(1)} s`.padStart(8)}  ${details}`.trimEnd();
  return [line, ...log.map((text) => `               | ${text}`)];
}

/** A store path by its name: the hash says nothing to people, and `--json` has it. */
export function shorten(text: string): string {
  return text.replaceAll(/\/[^\s']*\/[0-9a-z]{32}-([^\s'/]+)/g, (_, name: string) => name.replace(/\.drv$/, ""));
}

function amounts({ builds = 0, fetches = 0, downloadBytes = 0, newBytes = 0, notWarmed }: OutputResult): string[] {
  const download = downloadBytes > 0 ? ` (${showBytes(downloadBytes)})` : "";
  return [
    ...(builds > 0 ? [`${builds} built`] : []),
    ...(fetches > 0 ? [`${fetches} fetched${download}`] : []),
    ...(newBytes > 0 ? [`${showBytes(newBytes)} new`] : []),
    ...(notWarmed === undefined ? [] : [`not warmed: ${notWarmed}`]),
  ];
}

function describeLeft({ discovered }: PopulateResult): string[] {
  const names = discovered?.left.map(showAttribute) ?? [];
  return names.length === 0 ? [] : [`left to the Macs and CI: ${names.join(", ")}`];
}

/** "2 built, 1 failed". */
export function summary(outputs: readonly OutputResult[]): string {
  const total = (status: Status): number => outputs.filter((output) => output.status === status).length;
  const parts = order.flatMap((status) => (total(status) > 0 ? [`${total(status)} ${status}`] : []));
  return parts.length === 0 ? "no outputs" : parts.join(", ");
}

function next({ outputs, problems }: PopulateResult): string[] {
  const failed = outputs.find(({ status }) => status === "failed");
  if (failed !== undefined) return [`to try one again: cachectl populate ${shellWord(failed.output)}`];
  if (problems.length === 0 && outputs.length === 0)
    return ["name outputs in populate.outputs, or give the flake some"];
  return [];
}

function shellWord(text: string): string {
  return /^[A-Za-z0-9._@+-]+$/.test(text) ? text : `'${text}'`;
}

function duration(seconds: number): string {
  return seconds < 90 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds / 60)} min`;
}
