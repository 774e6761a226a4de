import { type Command, type Invocation, UsageError } from "../lib/command.ts";
import { isStorePath } from "../receive/path-list.ts";
import type { Check } from "./check.ts";
import { checks } from "./checks.ts";
import { diagnose, withNeeds } from "./diagnose.ts";
import { lookAround } from "./machine.ts";
import { describeDoctor, reportOf } from "./report.ts";

/** Exit status 0 when nothing has failed (warnings are allowed), 1 when something has, 2 for wrong usage. */
export const command: Command = {
  summary: "look at every hop between this machine and the cache, and say what mends the one that is broken",
  usage:
    "doctor [CHECK…] [--url URL] [--path /nix/store/…] [--json]   (URL: the cache's address; path: one that it must have)",
  options: { url: { type: "string" }, path: { type: "string" } },
  run,
};

async function run({ positionals, options, paths, env, stop, stdout }: Invocation): Promise<number> {
  const started = Date.now();
  const [url, path] = [textOf(options.url), textOf(options.path)];
  if (path !== undefined && !isStorePath(path))
    throw new UsageError(`--path is ${JSON.stringify(path)}; expected a store path`);
  const machine = lookAround({ paths, env, stop, ...(url && { url }), ...(path && { path }) });
  const meaningful = named(positionals).filter(({ roles }) => roles.some((role) => machine.roles.includes(role)));
  const findings = await diagnose(machine, meaningful);
  const report = reportOf(machine.settings.role, findings, (Date.now() - started) / 1000);
  stdout.write(options.json === true ? `${JSON.stringify(report)}\n` : describeDoctor(report));
  return report.level === "failure" ? 1 : 0;
}

function textOf(value: Invocation["options"][string]): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function named(names: readonly string[]): readonly Check[] {
  try {
    return withNeeds(checks, names);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
