/**
 * A double of GitHub's runner: runs the `run:` steps of a workflow's job in order, with expressions filled in, what a
 * step writes to GITHUB_ENV handed on, and `always()` steps run after a failure. Steps with `uses:` are left out.
 */
import { parse } from "yaml";

export interface WorkflowStep {
  readonly name: string;
  readonly if?: string;
  readonly uses?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly run?: string;
  readonly "timeout-minutes"?: number;
}

export interface Job {
  readonly name: string;
  readonly if: string;
  readonly "runs-on": string;
  readonly environment?: string;
  readonly "timeout-minutes": number;
  readonly permissions: Readonly<Record<string, string>>;
  readonly strategy: { readonly "fail-fast": boolean; readonly matrix: { readonly output: readonly string[] } };
  readonly env: Readonly<Record<string, string>>;
  readonly defaults: { readonly run: { readonly shell: string } };
  readonly steps: readonly WorkflowStep[];
}

export interface Workflow {
  readonly on: {
    readonly push: { readonly branches: readonly string[]; readonly paths: readonly string[] };
    readonly schedule: readonly { readonly cron: string }[];
    readonly workflow_dispatch: null;
  };
  readonly permissions: Readonly<Record<string, string>>;
  readonly concurrency: { readonly group: string; readonly "cancel-in-progress": boolean };
  readonly jobs: { readonly build: Job };
}

/** Reads a workflow's text. */
export function parseWorkflow(text: string): Workflow {
  return parse(text) as Workflow;
}

/** What the expressions of a step may name. */
export interface Contexts {
  readonly secrets: Readonly<Record<string, string>>;
  readonly vars: Readonly<Record<string, string>>;
  readonly matrix: Readonly<Record<string, string>>;
}

/** Fills in `${{ context.name }}`; a name that is not there is empty, as on GitHub. */
export function fillIn(text: string, contexts: Contexts): string {
  return text.replace(/\$\{\{ (secrets|vars|matrix)\.(\w+) \}\}/g, (_, context: keyof Contexts, name: string) => {
    return contexts[context][name] ?? "";
  });
}

/** Runs one program under the workflow's shell; resolves with its exit status. */
export type Execute = (script: string, env: Readonly<Record<string, string>>, step: string) => Promise<number>;

/** Reads what steps have appended to GITHUB_ENV so far. */
export type ReadEnvironment = () => Promise<string>;

/** The steps that ran, and whether each succeeded. */
export type Outcome = readonly { readonly step: string; readonly ok: boolean }[];

/** Runs the job once for one matrix entry. */
export async function runJob(
  text: string,
  contexts: Contexts,
  execute: Execute,
  readEnvironment: ReadEnvironment,
): Promise<Outcome> {
  const job = parseWorkflow(text).jobs.build;
  const outcome: { step: string; ok: boolean }[] = [];
  for (const { name, if: when, run, env = {} } of job.steps) {
    const failed = outcome.some(({ ok }) => !ok);
    if (run === undefined || (failed && when !== "always()")) continue;
    const given = Object.entries({ ...job.env, ...env }).map(([key, value]) => [key, fillIn(value, contexts)] as const);
    const exported = (await readEnvironment()).split("\n").flatMap((line) => {
      const at = line.indexOf("=");
      return at > 0 ? [[line.slice(0, at), line.slice(at + 1)] as const] : [];
    });
    const status = await execute(fillIn(run, contexts), Object.fromEntries([...exported, ...given]), name);
    outcome.push({ step: name, ok: status === 0 });
  }
  return outcome;
}
