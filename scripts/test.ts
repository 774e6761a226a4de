/**
 * Runs mocha and ends with the plain line `N passed, N failed[, N skipped]`, taken from mocha's own counts.
 *
 * `--without-lab` runs every test that needs no lab, `--lab` the tests under test/lab, `--soak` those with more rounds.
 * Every other argument goes to mocha (`--grep TEXT`, a file).
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";

interface Stats {
  readonly passes: number;
  readonly failures: number;
  readonly pending: number;
}

const suites: Readonly<Record<string, readonly string[]>> = {
  // Those that take longest first: run side by side, none of them is left alone at the end.
  "--without-lab": ["test/cachectl", "test/nix", "test/unit", "test/components"].map((dir) => `${dir}/**/*.test.ts`),
  "--lab": ["test/lab/*.test.ts"],
  "--soak": ["test/lab/*.test.ts", "test/cachectl/**/*.test.ts"],
};

/** Reads the counts that test/support/reporter.cjs left behind; mocha that died before its end leaves none. */
function readStats(file: string): Stats | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Stats;
  } catch {
    return undefined;
  }
}

function closingLine({ passes, failures, pending }: Stats): string {
  return `${passes} passed, ${failures} failed${pending > 0 ? `, ${pending} skipped` : ""}`;
}

const [suite = "", ...rest] = process.argv.slice(2);
const specs = suites[suite];
if (specs === undefined) {
  console.error(`test.ts: found '${suite}', expected one of ${Object.keys(suites).join(", ")}.`);
  process.exit(2);
}
// Most tests without the lab wait for programs of theirs: twice as many at once as there are cores.
const atOnce =
  suite === "--without-lab" ? ["--parallel", "--jobs", String(Math.max(2, availableParallelism() * 2))] : [];
// What all labs stand on is got once, before the first test: a test's time is its own, and what fails here fails once.
const prepared = suite === "--without-lab" ? [] : ["--require", "./test/lab/world/prepare.ts"];
const named = rest.filter((argument) => argument.endsWith(".test.ts"));
const scratch = mkdtempSync(join(tmpdir(), "nix-binary-cache-test-"));
const statsFile = join(scratch, "stats.json");
const mocha = spawn(
  process.execPath,
  [
    "node_modules/mocha/bin/mocha.js",
    "--config",
    "test/mocharc.json",
    ...atOnce,
    ...prepared,
    ...rest.filter((argument) => !named.includes(argument)),
    ...(named.length > 0 ? named : specs),
  ],
  { stdio: "inherit", env: { ...process.env, MOCHA_STATS: statsFile, ...(suite === "--soak" && { SOAK: "1" }) } },
);
// An interrupt reaches mocha by the terminal too; it is mocha that cleans up, so this process only waits for it.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => mocha.kill(signal));
mocha.on("exit", (code) => {
  const stats = readStats(statsFile);
  rmSync(scratch, { recursive: true, force: true });
  console.log(stats ? closingLine(stats) : "0 passed, 1 failed");
  if (stats?.passes === 0 && stats.failures === 0) console.error("test.ts: no test ran. Check --grep.");
  const green = stats?.failures === 0 && stats.passes > 0;
  process.exitCode = green ? (code ?? 1) : 1;
});
