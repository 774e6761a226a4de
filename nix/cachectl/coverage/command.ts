import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Command, type Invocation, UsageError } from "../lib/command.ts";
import { run, searchPath } from "../lib/run.ts";
import { flakeOutput, type FlakeOutput, parseAttribute } from "../populate/attribute.ts";
import { confiner } from "../populate/confine.ts";
import type { Nix } from "../populate/nix.ts";
import { find } from "../populate/programs.ts";
import { coverageOf } from "./coverage.ts";
import { describeCoverage } from "./report.ts";

/** More builds than were allowed. */
const tooManyBuilds = 3;
/** Milliseconds for all of it: a big configuration is evaluated within minutes. */
const longest = 3600_000;

/**
 * `coverage FLAKE#OUTPUT`: exit status 0 told; 1 could not be found out; 3 more builds than `--fail-if-builds` allows.
 * Derivations that are always made on the machine itself don't count.
 */
export const command: Command = {
  summary: "what a machine would download and what it would have to build, before it switches",
  usage: "coverage FLAKE#OUTPUT [--empty] [--substituter URL]... [--fail-if-builds N] [--json]",
  options: {
    empty: { type: "boolean" },
    substituter: { type: "string", multiple: true },
    "fail-if-builds": { type: "string" },
  },
  async run(invocation) {
    const { reference, output } = parseReference(invocation.positionals);
    const allowed = parseAllowed(invocation.options["fail-if-builds"]);
    const substituters = [invocation.options.substituter ?? []].flat().map(String);
    const coverage = await inStore(invocation, substituters, (nix) =>
      coverageOf(nix, reference, output, substituters, Date.now() + longest),
    );
    const machine = invocation.options.empty === true ? "a machine that has nothing yet" : "this machine";
    const { stdout, stderr, options } = invocation;
    stdout.write(options.json === true ? `${JSON.stringify(coverage)}\n` : describeCoverage(coverage, machine));
    if (coverage.builds.length <= allowed) return 0;
    stderr.write(`cachectl: ${coverage.builds.length} to be built, at most ${allowed} are allowed\n`);
    return tooManyBuilds;
  },
};

function parseReference(positionals: readonly string[]): { reference: string; output: FlakeOutput } {
  const [given = "", ...more] = positionals;
  const [, reference = "", attribute = ""] = /^([^#]+)#(.+)$/.exec(given) ?? [];
  if (reference === "" || more.length > 0) {
    throw new UsageError(
      `expected one FLAKE#OUTPUT, such as .#nixosConfigurations.desktop; found ${positionals.join(" ")}`,
    );
  }
  try {
    return { reference, output: flakeOutput(parseAttribute(attribute)) };
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function parseAllowed(value: Invocation["options"][string]): number {
  if (value === undefined) return Infinity;
  if (typeof value === "string" && /^\d+$/.test(value)) return Number(value);
  throw new UsageError(`--fail-if-builds takes a number; found ${JSON.stringify(value)}`);
}

/**
 * Calls `work` with this machine's store, or with a new one that has nothing: the answer is then that of any machine. The
 * flake's sources are copied into the new one, which takes its time and is removed again.
 */
async function inStore<T>(
  { paths, env: given, options, stop }: Invocation,
  substituters: readonly string[],
  work: (nix: Nix) => Promise<T>,
): Promise<T> {
  const env = { ...given, PATH: searchPath(given.PATH), LC_ALL: "C.UTF-8" };
  const asked = substituters.length > 0 ? ["--option", "substituters", substituters.join(" ")] : [];
  const base = { program: find("nix", env), env, confiner: confiner(env, undefined), stop, cwd: process.cwd() };
  if (options.empty !== true) return work({ ...base, store: paths.store, options: asked });
  const folder = mkdtempSync(join(tmpdir(), "cachectl-coverage-"));
  try {
    return await work({ ...base, store: paths.store, options: ["--store", folder, ...asked] });
  } finally {
    // What lies in a store can't be written to.
    await run(find("chmod", env), ["-R", "u+w", folder], { env, timeout: 60_000 });
    rmSync(folder, { recursive: true, force: true });
  }
}
