/**
 * Runs one Pulumi operation on the inline program that its parent names, then ends: a module is evaluated once in a
 * process, so every operation has its own. Started by operate.ts only; talks over Node's IPC channel.
 */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { LocalWorkspace, type EngineEvent, type Stack } from "@pulumi/pulumi/automation/index.js";
import type { ChildMessage, ChildRequest, Diagnostic, Step } from "./operation.ts";
import { writeConfig } from "./stack-config.ts";

/** Gathers what the engine reports while it works. */
class Report {
  readonly steps: Step[] = [];
  readonly diagnostics: Diagnostic[] = [];
  changeSummary: Record<string, number> = {};

  take(event: EngineEvent): void {
    const { resourcePreEvent, diagnosticEvent, summaryEvent } = event;
    if (resourcePreEvent !== undefined) {
      const { op, urn, type, diffs } = resourcePreEvent.metadata;
      this.steps.push({ op, urn, type, diffs: diffs ?? [] });
    }
    if (summaryEvent !== undefined) this.changeSummary = { ...summaryEvent.resourceChanges };
    if (diagnosticEvent !== undefined && diagnosticEvent.ephemeral !== true && !isDebug(diagnosticEvent.severity)) {
      const { severity, message, urn } = diagnosticEvent;
      // Colours come as <{%reset%}>.
      const plain = plainError(message.replaceAll(/<\{%[^%]*%\}>/g, "").trim());
      this.diagnostics.push({ severity, message: plain, ...(urn === undefined || urn === "" ? {} : { urn }) });
    }
  }
}

// The engine sends these too, though the SDK's type does not name them.
function isDebug(severity: string): boolean {
  return severity === "debug";
}

async function openStack(request: ChildRequest): Promise<Stack> {
  const program = async (): Promise<Record<string, unknown>> => {
    const exports = (await import(pathToFileURL(request.program).href)) as Record<string, unknown>;
    return Object.fromEntries(Object.entries(exports).filter(([name]) => name !== "default"));
  };
  return LocalWorkspace.createOrSelectStack(
    { stackName: request.stack, projectName: request.project, program },
    {
      workDir: join(request.folder, "work"),
      secretsProvider: "passphrase",
      // `main` makes relative paths mean the project's root, as with Pulumi's own command.
      projectSettings: { name: request.project, runtime: "nodejs", main: request.root },
    },
  );
}

type Outcome = Partial<Pick<ChildMessage, "outputs" | "deployment">>;

async function perform(stack: Stack, request: ChildRequest, report: Report, signal: AbortSignal): Promise<Outcome> {
  const { runProgram, ...options } = request.options;
  const shared = {
    ...options,
    signal,
    color: "never" as const,
    onOutput: (text: string) => void process.stdout.write(text),
    onError: (text: string) => void process.stderr.write(text),
    onEvent: (event: EngineEvent) => report.take(event),
  };
  const rerun = runProgram === undefined ? {} : { runProgram };
  switch (request.operation) {
    case "preview":
      await stack.preview(shared);
      return {};
    case "up":
      return { outputs: (await stack.up({ ...shared, suppressProgress: true, showSecrets: false })).outputs };
    case "refresh":
      await stack.refresh({ ...shared, ...rerun });
      return {};
    case "destroy":
      await stack.destroy({ ...shared, ...rerun });
      return {};
    case "outputs":
      return { outputs: await stack.outputs() };
    case "export":
      return { deployment: await exported(request) };
  }
}

// Stack.exportStack asks for plain secrets; a checkpoint that leaves this process holds them encrypted.
async function exported(request: ChildRequest): Promise<unknown> {
  const args = ["stack", "export", "--stack", request.stack, "-C", join(request.folder, "work")];
  const { stdout } = await promisify(execFile)(request.engine, args, { timeout: 60_000, maxBuffer: 2 ** 30 });
  return JSON.parse(stdout) as unknown;
}

// The others do not look at the configuration, and looking costs half a second.
function runsProgram({ operation, options }: ChildRequest): boolean {
  return operation === "preview" || operation === "up" || options.runProgram === true;
}

async function answer(request: ChildRequest, signal: AbortSignal): Promise<ChildMessage> {
  const report = new Report();
  const done = (ok: boolean, message: string, outcome: Outcome = {}): ChildMessage => {
    const { steps, diagnostics, changeSummary } = report;
    return { ok, message, steps, diagnostics, changeSummary, outputs: {}, ...outcome };
  };
  try {
    const stack = await openStack(request);
    if (runsProgram(request)) await writeConfig(stack, request);
    return done(true, "", await perform(stack, request, report, signal));
  } catch (error) {
    return done(false, failure(report, error));
  }
}

// The engine's own errors say what went wrong; the command's failure only that it did.
function failure(report: Report, error: unknown): string {
  const errors = report.diagnostics.filter(({ severity }) => severity === "error").map(({ message }) => message);
  const found = [...new Set(errors)].filter((message) => !["update failed", "preview failed", ""].includes(message));
  if (found.length > 0) return found.join("\n");
  const text = error instanceof Error ? error.message : String(error);
  // execa's message: the command, what it printed, and the same once more.
  const said = /^error: (.*?)(?:\n ?err\??: |$)/ms.exec(text)?.[1]?.trim() ?? "";
  return said === "" ? text : said;
}

// Without JavaScript's stack, which says nothing to the user.
function plainError(message: string): string {
  const lines = message.split("\n").filter((line) => !/^ +at /.test(line));
  return lines.join("\n").replace(/^Unhandled exception: (?:\w*Error: )?/, "");
}

const abort = new AbortController();
const cancel = (): void => abort.abort();
process.on("SIGINT", cancel);
process.on("SIGTERM", cancel);
// The parent is gone: end the operation as an interrupt would.
process.on("disconnect", cancel);
// With the parent its ends of our pipes are gone too; nobody is left to read.
process.stdout.on("error", () => undefined);
process.stderr.on("error", () => undefined);
process.once("message", (request) => {
  void answer(request as ChildRequest, abort.signal).then((result) => {
    if (process.connected) process.send?.(result, () => process.exit(0));
    else process.exit(1);
  });
});
