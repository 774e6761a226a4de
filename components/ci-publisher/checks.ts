/** What has to be true of the repository, found out before anything is changed. */
import { z } from "zod";
import { get, type GithubAccess, GithubError, parse } from "./github-api.ts";
import { missingPermissions, type Needs } from "./permissions.ts";

/** What the program wants to do with the repository. */
export interface RepositoryQuestion extends Omit<Needs, "environment"> {
  /** "owner/name". */
  readonly repository: string;
  /** The branch that publishes; it must exist. */
  readonly branch: string;
  /** Where the workflow is or will be, from the repository's root. */
  readonly workflowPath: string;
  /** How CI joins the tailnet: workload identity depends on the subject of the repository's OIDC tokens. */
  readonly auth: "oauth-client" | "workload-identity";
}

/** What GitHub says about the repository. */
export interface RepositoryFacts {
  /** GitHub's number for it, which stays through a rename; claims are bound to it. */
  readonly id: number;
  readonly ownerId: number;
  /** Whether the plan has environments for it; `unknown` where GitHub does not tell this token. */
  readonly environments: "available" | "unavailable" | "unknown";
  /** The workflow's text on the branch; undefined: there is none. */
  readonly workflow: string | undefined;
}

const repositorySchema = z.object({
  id: z.int(),
  full_name: z.string(),
  private: z.boolean(),
  visibility: z.string().optional(),
  archived: z.boolean().optional(),
  owner: z.object({ id: z.int(), login: z.string(), type: z.string().optional() }),
  permissions: z.object({ admin: z.boolean(), push: z.boolean() }).partial().optional(),
});
export type RepositoryAnswer = z.output<typeof repositorySchema>;

/**
 * Looks at the repository with the token that Pulumi will use. Asks about ten things, changes nothing.
 *
 * @throws GithubError naming what is wrong: no such repository, renamed, archived, missing permissions (all of them at
 *   once), no such branch, a subject of its own for OIDC tokens
 */
export async function checkRepository(question: RepositoryQuestion, access: GithubAccess): Promise<RepositoryFacts> {
  const { repository, branch } = question;
  const root = `repos/${repository}`;
  const answer = await get(access, root);
  if (answer.status === 301 || answer.status === 307 || answer.status === 308) {
    throw new GithubError(await renamed(repository, answer.headers.get("location"), access));
  }
  if (answer.status !== 200) {
    throw new GithubError(
      `ci.repository: "${repository}" does not exist, or the token in GITHUB_TOKEN cannot see it (${answer.status}). ` +
        "Check the name and that the token covers this repository.",
    );
  }
  const found = parse(repositorySchema, answer, `ci.repository "${repository}"`);
  if (found.archived === true)
    throw new GithubError(`ci.repository: "${repository}" is archived. Unarchive it or name another.`);
  const environments = await environmentsFor(found, access);
  const needs = { ...question, environment: environments === "available" };
  const [workflow, ...lacks] = await Promise.all([
    readFile(access, repository, question.workflowPath, branch),
    missingPermissions(found, answer.headers, needs, access),
    requireBranch(access, repository, branch, question.managed),
    question.auth === "workload-identity" ? requireDefaultSubject(access, repository) : undefined,
  ]);
  const missing = lacks.flatMap((list) => list ?? []);
  if (missing.length > 0) {
    throw new GithubError(
      `ci.repository "${repository}": the token in GITHUB_TOKEN lacks ${missing.join("; ")}. Grant it, or use another token.`,
    );
  }
  return { id: found.id, ownerId: found.owner.id, environments, workflow };
}

/** The message for a repository under a new name; GitHub's redirect leads to it by number. */
async function renamed(repository: string, location: string | null, access: GithubAccess): Promise<string> {
  const id = /\/repositories\/(\d+)$/.exec(location ?? "")?.[1];
  const answer = id === undefined ? undefined : await get(access, `repositories/${id}`);
  const name = answer?.status === 200 ? parse(repositorySchema, answer, "the renamed repository").full_name : undefined;
  return name === undefined
    ? `ci.repository: "${repository}" was renamed or moved. Set its present name.`
    : `ci.repository: "${repository}" is now "${name}". Set that name.`;
}

const planSchema = z.object({ login: z.string(), plan: z.object({ name: z.string() }).optional() });

/**
 * Whether environments with secrets and branch policies are there: always for public repositories, for others from the
 * plan Pro or Team on (GitHub's documentation, "Managing environments for deployment").
 */
async function environmentsFor(
  found: RepositoryAnswer,
  access: GithubAccess,
): Promise<RepositoryFacts["environments"]> {
  if (!found.private || found.visibility === "internal") return "available";
  const answer = await get(access, found.owner.type === "Organization" ? `orgs/${found.owner.login}` : "user");
  if (answer.status !== 200) return "unknown";
  const { login, plan } = parse(planSchema, answer, "the owner's plan");
  // Only the owner and their members are told the plan.
  if (login !== found.owner.login || plan === undefined) return "unknown";
  return plan.name === "free" ? "unavailable" : "available";
}

/** @returns the permission that is missing, where GitHub does not show the branch to the token */
async function requireBranch(
  access: GithubAccess,
  repository: string,
  branch: string,
  managed: boolean,
): Promise<string[]> {
  const { status } = await get(access, `repos/${repository}/branches/${encodeURIComponent(branch)}`);
  if (status === 404) {
    throw new GithubError(`ci.branch: "${repository}" has no branch "${branch}". Push it first, or name another.`);
  }
  return status === 403 ? [`the permission Contents: read${managed ? " and write" : ""}`] : [];
}

const subjectSchema = z.object({
  use_default: z.boolean().optional(),
  include_claim_keys: z.array(z.string()).optional(),
});

/** Both of GitHub's own subject formats are matched; a template of the repository's own is not. */
async function requireDefaultSubject(access: GithubAccess, repository: string): Promise<void> {
  const answer = await get(access, `repos/${repository}/actions/oidc/customization/sub`);
  if (answer.status !== 200) return;
  const { use_default, include_claim_keys } = parse(subjectSchema, answer, "the repository's OIDC subject");
  if (use_default === false) {
    throw new GithubError(
      `ci.auth: "${repository}" has its own template for the subject of OIDC tokens ` +
        `(${(include_claim_keys ?? []).join(", ")}), which Tailscale's rule would not match. ` +
        "Set the template back to the default, or use ci.auth: oauth-client.",
    );
  }
}

/** A file's text on a branch. */
async function readFile(
  access: GithubAccess,
  repository: string,
  path: string,
  branch: string,
): Promise<string | undefined> {
  const where = `repos/${repository}/contents/${path}?ref=${encodeURIComponent(branch)}`;
  const answer = await get(access, where, "application/vnd.github.raw+json");
  return answer.status === 200 ? fromContents(answer.text, answer.headers) : undefined;
}

const contentsSchema = z.object({ content: z.string(), encoding: z.literal("base64") });

/** Some Enterprise Servers answer with the JSON form whatever was asked for. */
function fromContents(text: string, headers: Headers): string {
  if (headers.get("content-type")?.startsWith("application/json") !== true) return text;
  const parsed = contentsSchema.safeParse(JSON.parse(text));
  return parsed.success ? Buffer.from(parsed.data.content, "base64").toString("utf8") : text;
}
