/** The repository: what the token may, what the workflow finds there, and the workflow itself. */
import { z } from "zod";
import { githubAccess } from "../../components/ci-publisher/access.ts";
import { checkRepository, type RepositoryFacts } from "../../components/ci-publisher/checks.ts";
import { get, type GithubAccess, parse } from "../../components/ci-publisher/github-api.ts";
import { compareWorkflow, workflowPath } from "../../components/ci-publisher/workflow.ts";
import type { StackConfig } from "../../components/config.ts";
import type { Diagnosable } from "../../nix/cachectl/doctor/check.ts";
import { failure, ok, skipped } from "../../nix/cachectl/doctor/finding.ts";
import { judgeHeld, judgeWorkflow, wantedInGithub } from "./github-judge.ts";
import { once, outputs, settings, type StackContext } from "./stack.ts";

type StackCheck = Diagnosable<StackContext>;

const timeout = 30_000;

/** A stack's CI, as far as it is on. */
interface Ci {
  readonly ci: StackConfig["ci"];
  readonly repository: string;
  readonly access: GithubAccess;
  readonly facts: RepositoryFacts;
  readonly server: StackConfig["server"];
}

/** Undefined when CI is off. Rejects with what is wrong with the repository or the token. */
const ciOf = once(async (context): Promise<Ci | undefined> => {
  const { ci, server } = (await settings(context)).config;
  if (!ci.enabled || ci.repository === undefined) return undefined;
  const access = { ...githubAccess(ci.repository, context.env), timeoutMs: 6000 };
  const question = {
    repository: ci.repository,
    branch: ci.branch,
    auth: ci.auth,
    managed: ci.workflow === "managed",
    workflowPath: workflowPath(ci.environment),
  };
  return { ci, repository: ci.repository, access, server, facts: await checkRepository(question, access) };
});

export const githubCheck: StackCheck = {
  name: "github",
  needs: ["config"],
  timeout,
  run: async (context) => {
    try {
      const found = await ciOf(context);
      return found === undefined
        ? ok("CI is off (ci.enabled)")
        : ok(`the token may do in ${found.repository} what it has to`);
    } catch (error) {
      return failure(
        (error as Error).message,
        "https://github.com/settings/personal-access-tokens, then set GITHUB_TOKEN",
      );
    }
  },
};

const secretsSchema = z.object({ secrets: z.array(z.object({ name: z.string(), updated_at: z.string().optional() })) });
const variablesSchema = z.object({ variables: z.array(z.object({ name: z.string(), value: z.string() })) });

/** Of the environment, or of the repository where it can have none. */
async function held({
  access,
  repository,
  facts,
  ci,
}: Ci): Promise<{ readonly secrets: readonly string[]; readonly variables: ReadonlyMap<string, string> }> {
  const [secretsAt, variablesAt] =
    facts.environments === "unavailable"
      ? ["actions/secrets", "actions/variables"]
      : [
          `environments/${encodeURIComponent(ci.environment)}/secrets`,
          `environments/${encodeURIComponent(ci.environment)}/variables`,
        ];
  const [secrets, variables] = await Promise.all([
    get(access, `repos/${repository}/${secretsAt}?per_page=100`),
    get(access, `repos/${repository}/${variablesAt}?per_page=100`),
  ]);
  return {
    secrets: secrets.status === 404 ? [] : parse(secretsSchema, secrets, "the secrets").secrets.map(({ name }) => name),
    variables: new Map(
      variables.status === 404
        ? []
        : parse(variablesSchema, variables, "the variables").variables.map(({ name, value }) => [name, value]),
    ),
  };
}

export const githubSecretsCheck: StackCheck = {
  name: "ci-secrets",
  needs: ["github", "update"],
  timeout,
  run: async (context) => {
    const found = await ciOf(context);
    if (found === undefined) return skipped("CI is off");
    const [{ secrets, variables }, { cacheUrl, publicKeys = [] }] = [await held(found), await outputs(context)];
    const wanted = wantedInGithub(found.ci.auth, found.server, cacheUrl ?? "", publicKeys);
    return judgeHeld(wanted, secrets, variables, `pulumi up --refresh --stack ${context.stack}`);
  },
};

export const workflowCheck: StackCheck = {
  name: "workflow",
  needs: ["github", "update"],
  timeout,
  run: async (context) => {
    const found = await ciOf(context);
    if (found === undefined || found.ci.workflow === "off") return skipped("CI, or its workflow, is off");
    const wanted = (await outputs(context)).ciWorkflow;
    if (wanted === undefined || wanted === null)
      return failure("the stack has no output ciWorkflow", `pulumi up --stack ${context.stack}`);
    const state = compareWorkflow(wanted.sha256, found.facts.workflow);
    return judgeWorkflow(state, `${wanted.path} on ${found.ci.branch}`, found.ci.workflow, context.stack);
  },
};
