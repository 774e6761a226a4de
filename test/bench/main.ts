/** `npm run bench -- NAME… [--json]`: measures, as ratios in one run against what a user would do instead. */
import { parseArgs } from "node:util";
import { testWorld, type TestWorld } from "../lab/world/test-world.ts";
import type { Figure, Report } from "./figure.ts";

/** Raises a lab of the benchmarks' own, once, and only for those that ask. */
export type Lab = () => Promise<TestWorld>;

type Benchmark = (report: Report, lab: Lab) => Promise<void>;

/** Every benchmark by its name. */
const benchmarks: Readonly<Record<string, () => Promise<Benchmark>>> = {
  "write-path": async () => (await import("./write-path.ts")).writePath,
  serving: async () => (await import("./serving.ts")).serving,
  retention: async () => (await import("./retention.ts")).retention,
  populate: async () => (await import("./populate.ts")).populate,
  preview: async () => (await import("./preview.ts")).previewCost,
  policy: async () => (await import("./policy.ts")).policy,
};

function line({ metric, value, unit, against, budget, holds }: Figure): string {
  const shown = `${Number(value.toPrecision(3))} ${unit}`.padStart(12);
  const against_ = against === "" ? "" : `, against ${against}`;
  const verdict = budget === "" ? "" : `  [${holds ? "holds" : "MISSED"}: ${budget}]`;
  return `${shown}  ${metric}${against_}${verdict}`;
}

const { values, positionals } = parseArgs({ options: { json: { type: "boolean" } }, allowPositionals: true });
const names = positionals.length > 0 ? positionals : Object.keys(benchmarks);
const unknown = names.filter((name) => !Object.hasOwn(benchmarks, name));
if (unknown.length > 0) {
  console.error(`bench: found ${unknown.join(", ")}; there are ${Object.keys(benchmarks).join(", ")}`);
  process.exit(2);
}
let missed = 0;
const report: Report = (figure) => {
  if (!figure.holds) missed += 1;
  console.log(values.json === true ? JSON.stringify(figure) : line(figure));
};
let world: Promise<TestWorld> | undefined;
const lab: Lab = () => (world ??= testWorld((text) => void process.stderr.write(`${text}\n`)));
try {
  for (const name of names) {
    if (values.json !== true) console.log(`\n${name}`);
    await (
      await benchmarks[name]?.()
    )?.(report, lab);
  }
} finally {
  await (await world)?.release();
}
process.exitCode = missed > 0 ? 1 : 0;
