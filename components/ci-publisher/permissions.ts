/** Which permissions a token lacks, by name, as GitHub's pages for making tokens call them. */
import type { RepositoryAnswer } from "./checks.ts";
import { get, type GithubAccess } from "./github-api.ts";

/** What the program is going to write. */
export interface Needs {
  /** Whether an environment will be made, with secrets in it. */
  readonly environment: boolean;
  /** Whether Pulumi commits the workflow. */
  readonly managed: boolean;
}

/**
 * What a classic token's scopes lack. Their header is absent for fine-grained and app tokens, whose permissions show
 * only in what they are refused.
 */
function missingScopes(header: string | null, isPrivate: boolean, managed: boolean): string[] {
  if (header === null || header.trim() === "") return [];
  const scopes = new Set(header.split(",").map((scope) => scope.trim()));
  const missing: string[] = [];
  if (!scopes.has("repo") && (isPrivate || !scopes.has("public_repo"))) missing.push("the scope repo");
  if (managed && !scopes.has("workflow")) missing.push("the scope workflow (ci.workflow: managed commits a workflow)");
  return missing;
}

/** What the account behind the token may not do; GitHub leaves this out for some app tokens. */
function missingRole({ permissions }: RepositoryAnswer, needs: Needs): string[] {
  if (permissions === undefined) return [];
  if (needs.environment && permissions.admin === false) return ["the role admin, which environments need"];
  return permissions.push === false ? ["the role write, which secrets and variables need"] : [];
}

/**
 * Reading calls that are refused to a token which could not write either. The environment itself can be read with the
 * permission Actions alone (GitHub's documentation, "Permissions required for fine-grained personal access tokens").
 */
const probes = [
  { path: "actions/secrets/public-key", permission: "the permission Secrets: read and write" },
  { path: "actions/variables?per_page=1", permission: "the permission Variables: read and write" },
] as const;
const environmentProbes = [
  { path: "environments?per_page=1", permission: "the permission Actions: read" },
  {
    path: "actions/permissions",
    permission: "the permissions Administration: read and write, and with it Environments: read and write",
  },
] as const;

/** Everything that is missing, in words; empty when nothing is known to be. */
export async function missingPermissions(
  found: RepositoryAnswer,
  headers: Headers,
  needs: Needs,
  access: GithubAccess,
): Promise<string[]> {
  const wanted = needs.environment ? [...probes, ...environmentProbes] : probes;
  const refused = await Promise.all(
    wanted.map(async ({ path, permission }) => {
      const { status } = await get(access, `repos/${found.full_name}/${path}`);
      return status === 403 || status === 404 ? [permission] : [];
    }),
  );
  const scopes = missingScopes(headers.get("x-oauth-scopes"), found.private, needs.managed);
  return [...scopes, ...missingRole(found, needs), ...refused.flat()];
}
