/** Coverage for people: the builds by name, the downloads by size. */
import { showBytes } from "../receive/sizes.ts";
import type { Build, Coverage, Download } from "./coverage.ts";

/** The rest is in `--json`. */
const shown = 20;

/** The whole report, ending in a line break. @param machine "this machine", or what stands for it */
export function describeCoverage(coverage: Coverage, machine: string): string {
  const { output, revision, system, builds, sources, local, downloads } = coverage;
  const size = `${showBytes(coverage.downloadBytes)} (${showBytes(coverage.unpackedBytes)} in the store)`;
  return [
    `${output} (${system}) at ${revision}, for ${machine}`,
    `  to build     ${count(builds.length, "derivation")}`,
    ...some(builds.map(({ name }: Build) => name)),
    ...(sources.length > 0 ? [`  sources      ${sources.length}, from where they are published`] : []),
    ...(local.length > 0 ? [`  made here    ${count(local.length, "derivation")}, whatever a cache has`] : []),
    `  to download  ${count(downloads.length, "path")}${downloads.length > 0 ? `, ${size}` : ""}`,
    ...some(describeDownloads(downloads)),
    verdict(coverage),
    "",
  ].join("\n");
}

function count(number: number, noun: string): string {
  return number === 0 ? "nothing" : `${number} ${noun}${number === 1 ? "" : "s"}`;
}

function some(lines: readonly string[]): string[] {
  const rest = lines.length - shown;
  return [
    ...lines.slice(0, shown).map((line) => `    ${line}`),
    ...(rest > 0 ? [`    and ${rest} more (--json)`] : []),
  ];
}

function describeDownloads(downloads: readonly Download[]): string[] {
  const width = Math.max(0, ...downloads.slice(0, shown).map(({ name }) => name.length));
  return downloads.map(({ name, fileBytes, from }) => {
    const size = fileBytes === undefined ? "?" : showBytes(fileBytes);
    return `${name.padEnd(width)}  ${size.padStart(10)}  ${from ?? ""}`.trimEnd();
  });
}

function verdict({ builds }: Coverage): string {
  if (builds.length === 0) return "covered: nothing has to be built";
  return `not covered: let the server build it first (cachectl populate), or expect to build ${builds.length}`;
}
