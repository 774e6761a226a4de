/**
 * A double of the provider plugin of @pulumi/github, for places that cannot download the real one. It makes the same
 * REST calls; only what this project declares is there.
 */
import type { PackageDouble } from "../shared/double.ts";
import { GithubClient } from "./client.ts";
import { deploymentPolicy, repositoryEnvironment } from "./environments.ts";
import { repositoryFile } from "./files.ts";
import { getBranch, getRepository, getRepositoryFile } from "./functions.ts";
import { actionsEnvironmentSecret, actionsSecret } from "./secrets.ts";
import { actionsEnvironmentVariable, actionsVariable } from "./variables.ts";

/** The package; `version` is that of the installed npm package. */
export function githubPackage(version: string): PackageDouble {
  let configured: GithubClient | undefined;
  const connection = (): GithubClient => {
    if (configured === undefined) throw new Error("the GitHub provider was used before it was configured");
    return configured;
  };
  return {
    name: "github",
    version,
    config: {
      appAuth: "any",
      baseUrl: "string",
      cachePath: "string",
      insecure: "boolean",
      legacyClient: "boolean",
      maxPerPage: "number",
      maxRetries: "number",
      organization: "string",
      owner: "string",
      parallelRequests: "boolean",
      readDelayMs: "number",
      retryDelayMs: "number",
      retryableErrors: "list",
      token: "string, secret",
      writeDelayMs: "number",
    },
    types: { BranchPolicy: { customBranchPolicies: "boolean, required", protectedBranches: "boolean, required" } },
    resources: {
      "github:index/actionsEnvironmentSecret:ActionsEnvironmentSecret": actionsEnvironmentSecret(connection),
      "github:index/actionsEnvironmentVariable:ActionsEnvironmentVariable": actionsEnvironmentVariable(connection),
      "github:index/actionsSecret:ActionsSecret": actionsSecret(connection),
      "github:index/actionsVariable:ActionsVariable": actionsVariable(connection),
      "github:index/repositoryEnvironment:RepositoryEnvironment": repositoryEnvironment(connection),
      "github:index/repositoryEnvironmentDeploymentPolicy:RepositoryEnvironmentDeploymentPolicy":
        deploymentPolicy(connection),
      "github:index/repositoryFile:RepositoryFile": repositoryFile(connection),
    },
    functions: {
      "github:index/getBranch:getBranch": getBranch(connection),
      "github:index/getRepository:getRepository": getRepository(connection),
      "github:index/getRepositoryFile:getRepositoryFile": getRepositoryFile(connection),
    },
    configure: async (config) => {
      configured = await GithubClient.connect(config);
    },
  };
}
