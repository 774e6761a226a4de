/**
 * `npm run doctor -- --stack STACK [CHECK…] [--json]`: looks at what a stack needs outside its machines, and changes
 * nothing: Pulumi and the configuration, the tailnet's policy and the credential for it, the repository with CI's
 * secrets and workflow, and what the server runs. What a machine needs, `cachectl doctor` on that machine looks at.
 *
 * Exit status 0 when nothing has failed (warnings are allowed), 1 when something has, 2 for wrong usage.
 */
import { parseArgs } from "node:util";
import { diagnose, withNeeds } from "../nix/cachectl/doctor/diagnose.ts";
import { describeDoctor, reportOf } from "../nix/cachectl/doctor/report.ts";
import { checks } from "./doctor/checks.ts";

const usage = "usage: npm run doctor -- --stack STACK [CHECK…] [--json]";

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { stack: { type: "string" }, json: { type: "boolean", default: false } },
    allowPositionals: true,
  });
  const { stack, json } = values;
  if (stack === undefined) throw new TypeError("--stack: missing");
  const started = Date.now();
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort());
  const program = `npm run doctor -- --stack ${stack}`;
  const findings = await diagnose(
    { stack, env: process.env, stop: stop.signal, program },
    withNeeds(checks, positionals),
  );
  const report = reportOf(`stack ${stack}`, findings, (Date.now() - started) / 1000);
  process.stdout.write(json ? `${JSON.stringify(report)}\n` : describeDoctor(report));
  return report.level === "failure" ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`doctor: ${error instanceof Error ? error.message : String(error)}\n${usage}`);
  process.exitCode = 2;
}
