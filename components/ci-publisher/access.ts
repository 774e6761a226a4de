/** How this program and Pulumi's GitHub provider reach GitHub: the same token, the same owner. */
import * as github from "@pulumi/github";
import { type GithubAccess, GithubError } from "./github-api.ts";

/**
 * What the environment says about reaching GitHub.
 *
 * @param repository "owner/name"
 * @throws GithubError when there is no token, or when the environment names another owner: the provider would take that
 *   one whatever it is told (integrations/terraform-provider-github, github/provider.go)
 */
export function githubAccess(repository: string, env: NodeJS.ProcessEnv = process.env): GithubAccess {
  const owner = ownerOf(repository);
  for (const name of ["GITHUB_OWNER", "GITHUB_ORGANIZATION"]) {
    const value = env[name];
    if (value !== undefined && value !== "" && value.toLowerCase() !== owner.toLowerCase()) {
      throw new GithubError(`${name}: found "${value}", but ci.repository belongs to "${owner}". Unset ${name}.`);
    }
  }
  const token = env.GITHUB_TOKEN;
  if (token === undefined || token === "") {
    throw new GithubError(
      "GITHUB_TOKEN: not set. ci.enabled needs a token that may write to the repository's secrets.",
    );
  }
  return { token, baseUrl: env.GITHUB_BASE_URL };
}

/**
 * The provider for a repository's owner. The token stays out of the state: the SDK would copy it there from the
 * environment, so it is taken out again, and the plugin reads GITHUB_TOKEN itself.
 */
export function githubProvider(name: string, repository: string): github.Provider {
  return new github.Provider(
    name,
    { owner: ownerOf(repository) },
    { transformations: [({ props, opts }) => ({ props: { ...(props as object), token: undefined }, opts })] },
  );
}

/** The part before the slash. */
function ownerOf(repository: string): string {
  return repository.slice(0, repository.indexOf("/"));
}
