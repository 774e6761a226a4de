/** Everything about CI that is settled before a resource is declared. */
import * as pulumi from "@pulumi/pulumi";
import { githubAccess } from "./access.ts";
import { checkRepository, type RepositoryFacts } from "./checks.ts";
import { GithubError } from "./github-api.ts";
import { compareWorkflow, renderWorkflow, workflowDigest, workflowPath, type WorkflowSettings } from "./workflow.ts";

/** What the stack's configuration says of CI. */
export interface CiSettings extends Omit<WorkflowSettings, "environment"> {
  /** "owner/name". */
  readonly repository: string;
  readonly environment: string;
  readonly workflow: "managed" | "rendered" | "off";
}

/** What to declare. */
export interface CiPlan extends Pick<RepositoryFacts, "id" | "ownerId"> {
  /** "owner/name". */
  readonly repository: string;
  /** The environment to make; undefined where the repository's plan has none. */
  readonly environment: string | undefined;
  /** What a stack output tells of the workflow: not its text, which each `pulumi up` would print whole. */
  readonly told: { readonly path: string; readonly environment: string | null; readonly sha256: string };
  /** The workflow when Pulumi is to commit it, else undefined. */
  readonly workflow: { readonly path: string; readonly text: string } | undefined;
}

/**
 * Looks at the repository, decides where the secrets go, renders the workflow, and says in the preview when the
 * repository's workflow is another one.
 *
 * @throws GithubError as `githubAccess` and `checkRepository` do, and when Pulumi is to commit the workflow but somebody
 *   else's file is in its place
 */
export async function prepareCi(settings: CiSettings, env: NodeJS.ProcessEnv = process.env): Promise<CiPlan> {
  const { repository, branch, auth } = settings;
  const managed = settings.workflow === "managed";
  const path = workflowPath(settings.environment);
  const access = githubAccess(repository, env);
  const facts = await checkRepository({ repository, branch, auth, managed, workflowPath: path }, access);
  const environment = facts.environments === "unavailable" ? undefined : settings.environment;
  if (environment === undefined) await pulumi.log.warn(noEnvironments(repository));
  const rendered = { path, text: renderWorkflow({ ...settings, environment }) };
  const told = { path, environment: environment ?? null, sha256: workflowDigest(rendered.text) };
  if (settings.workflow !== "off") await reportWorkflow(settings, told, facts.workflow);
  const { id, ownerId } = facts;
  return { repository, id, ownerId, environment, told, workflow: managed ? rendered : undefined };
}

function noEnvironments(repository: string): string {
  return (
    `ci.environment: the plan of ${repository}'s owner has no environments for private repositories. CI's secrets go ` +
    "to the repository itself, where every workflow on every branch of it can read them."
  );
}

/** With a managed workflow Pulumi itself shows the difference; only a foreign file is in the way. */
async function reportWorkflow(
  { workflow, repository, branch, stack }: CiSettings,
  { path, sha256 }: CiPlan["told"],
  existing: string | undefined,
): Promise<void> {
  const found = compareWorkflow(sha256, existing);
  const where = `${path} on the branch ${branch} of ${repository}`;
  if (workflow === "managed") {
    if (found !== "foreign") return;
    throw new GithubError(
      `ci.workflow: ${where} was not written by this program. Move it away, or set another ci.environment (its name is ` +
        "the file's name) or ci.workflow: rendered.",
    );
  }
  if (found === "same") return;
  const what = found === "missing" ? "is not there" : "differs from the one that this stack needs";
  await pulumi.log.warn(
    `ci.workflow: ${where} ${what}. After \`pulumi up\`, write it with \`npm run workflow -- --stack ${stack} --into ` +
      "CHECKOUT` and commit it.",
  );
}
