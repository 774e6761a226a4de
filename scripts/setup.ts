/**
 * `npm run setup`: from a tailnet and a flake to Pulumi.<stack>.yaml and its first preview. It asks only for what it
 * can't find out; without a terminal every answer is a flag or stands in a file, and what is missing is told at once.
 */
import { existsSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import { credentialAdvice, accessFromEnv, TailscaleError } from "../components/tailnet-access/credentials.ts";
import { parseConfig, secretKeys, type SecretKey } from "../components/config.ts";
import { nameOfStack, stackProblem } from "../components/stack-name.ts";
import { replaceFile } from "../nix/cachectl/lib/replace-file.ts";
import { type Given, readGiven, usage, UsageError } from "./setup/answers.ts";
import { type Asker, NobodyToAsk, terminal } from "./setup/asker.ts";
import { answersBefore } from "./setup/before.ts";
import { difference } from "./setup/difference.ts";
import { listDevices } from "./setup/devices.ts";
import { flakeOutputs } from "./setup/flake.ts";
import { scanHostKey } from "./setup/host-key.ts";
import { answer, type Sources } from "./setup/context.ts";
import { interview } from "./setup/interview.ts";
import { nextSteps } from "./setup/next.ts";
import type { Plan } from "./setup/plan.ts";
import { hasPulumi, runStep, stackState, stepsFor } from "./setup/pulumi.ts";
import { announcedIn } from "./setup/announcement.ts";
import { stackFile, stackValues } from "./setup/stack-file.ts";

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

/** What Tailscale tells; without a credential nothing is offered, and everything can still be answered. */
async function askTailscale(): Promise<Pick<Sources, "devices" | "oauthClient">> {
  let oauthClient = false;
  try {
    const access = accessFromEnv(process.env);
    oauthClient = access !== undefined && access.credential.kind !== "api-key";
    if (access !== undefined) return { devices: await listDevices(access), oauthClient };
    say(`The tailnet's machines can't be offered: no credential in the environment. ${credentialAdvice}`);
  } catch (error) {
    if (!(error instanceof TailscaleError)) throw error;
    say(`The tailnet's machines can't be offered: ${error.message}`);
  }
  return { devices: [], oauthClient };
}

/** @throws ConfigError naming every problem; the secrets come later, so they count as there */
function check(text: string, stack: string): void {
  parseConfig(withoutSecrets(stackValues(text)), new Set(Object.keys(secretKeys) as SecretKey[]), stack);
}

function withoutSecrets(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([key]) => !Object.hasOwn(secretKeys, key)));
}

/** @returns the plan and the file's text; undefined when the asker could not ask all it had to */
async function plan(given: Given, asker: Asker): Promise<{ stack: string; plan: Plan; agreed: boolean } | undefined> {
  const nothing = { values: {}, machines: {} };
  const sources = { ...(await askTailscale()), flakeOutputs, scanHostKey };
  const name = await answer({ asker, given, before: nothing, sources }, "stack", {
    default: "home",
    check: stackProblem,
  });
  const stack = name ?? "home";
  const file = `Pulumi.${nameOfStack(stack)}.yaml`;
  const existing = existsSync(file) ? readFileSync(file, "utf8") : undefined;
  const before = existing === undefined ? nothing : answersBefore(stackValues(existing), announcedIn(existing));
  const answered = await interview({ asker, given, before, sources });
  if (answered === undefined) return undefined;
  const text = stackFile(readFileSync("Pulumi.dev.yaml", "utf8"), existing, answered);
  check(text, stack);
  return { stack, plan: answered, agreed: await write(file, existing, text, given, asker) };
}

/** @returns whether the file is now as it was answered */
async function write(
  file: string,
  existing: string | undefined,
  text: string,
  given: Given,
  asker: Asker,
): Promise<boolean> {
  if (existing === text) {
    say(`${file} says all this already`);
    return true;
  }
  if (existing !== undefined && !given.overwrite) {
    asker.tell(`\n${file} would change:\n${difference(existing, text)}`);
    const question = { flag: "--overwrite", text: `Change ${file}? yes or no` };
    if ((await asker.ask({ ...question, check: yesOrNo })) !== "yes") return false;
  }
  if (asker instanceof NobodyToAsk && asker.missing.length > 0) return false;
  replaceFile(file, text, 0o644);
  say(`wrote ${file}`);
  return true;
}

function yesOrNo(text: string): string | undefined {
  return text === "yes" || text === "no" ? undefined : "expected yes or no";
}

async function preview(stack: string, { ci, server }: Plan, given: Given): Promise<boolean> {
  if (given.noPreview) return false;
  if (!(await hasPulumi())) {
    say("The preview waits for the pulumi command: https://www.pulumi.com/docs/install/");
    return false;
  }
  const wanted = ci === undefined ? undefined : { tailscaleSsh: server.ssh === "tailscale" };
  for (const step of stepsFor(stack, await stackState(stack), wanted)) {
    say(`\n$ ${step.shown}`);
    await runStep(step);
  }
  return true;
}

function missingText(missing: readonly { readonly flag: string; readonly text: string }[]): string {
  const width = Math.max(...missing.map(({ flag }) => flag.length));
  const lines = missing.map(({ flag, text }) => `  ${flag.padEnd(width)}  ${text}`);
  return `There is nobody to ask (no terminal), and answers are missing:\n${lines.join("\n")}\nNothing was written.`;
}

async function main(args: readonly string[]): Promise<number> {
  const given = readGiven(args);
  if (given === undefined) {
    say(usage);
    return 0;
  }
  const interactive = process.stdin.isTTY && !given.noInput;
  const lines = interactive ? createInterface({ input: process.stdin, output: process.stdout }) : undefined;
  const asker = lines === undefined ? new NobodyToAsk(say) : terminal(lines, (text) => process.stdout.write(text));
  const done = await plan(given, asker);
  lines?.close();
  if (asker instanceof NobodyToAsk && asker.missing.length > 0) throw new UsageError(missingText(asker.missing));
  if (done?.agreed !== true) {
    say("Nothing was changed.");
    return 1;
  }
  const previewed = await preview(done.stack, done.plan, given);
  say(`\n${nextSteps(done.stack, done.plan, previewed)}`);
  return 0;
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    const isUsage = error instanceof UsageError;
    console.error(`setup: ${error instanceof Error ? error.message : String(error)}`);
    if (isUsage) console.error("Every answer and its flag: npm run setup -- --help");
    process.exitCode = isUsage ? 2 : 1;
  },
);
