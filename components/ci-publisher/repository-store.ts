/** Where the runner's secrets and variables go: into the environment, or into the repository where there is none. */
import * as github from "@pulumi/github";
import * as pulumi from "@pulumi/pulumi";

export interface Store {
  /** Declares a secret; its value is secret in the state whatever is passed. */
  secret(key: string, value: pulumi.Input<string>): pulumi.Resource;
  /** Declares a variable, readable by everybody who may read the repository. */
  variable(key: string, value: pulumi.Input<string>): pulumi.Resource;
}

/** "TS_OAUTH_SECRET" as part of a logical name. */
function kebab(key: string): string {
  return key.toLowerCase().replaceAll("_", "-");
}

/**
 * GitHub stamps the time of each write. Only after a refresh does the provider compare its stamp with the one it kept,
 * and the two differ by the clock, not by the value: followed, that would send every secret again for nothing.
 */
const secretOptions: pulumi.CustomResourceOptions = { ignoreChanges: ["remoteUpdatedAt"] };

/** The environment's secrets and variables: only jobs on its branch see them. */
export function environmentStore(
  name: string,
  repository: string,
  environment: pulumi.Input<string>,
  opts: pulumi.CustomResourceOptions,
): Store {
  return {
    secret: (key, value) =>
      new github.ActionsEnvironmentSecret(
        `${name}-secret-${kebab(key)}`,
        { repository, environment, secretName: key, value: pulumi.secret(value) },
        pulumi.mergeOptions(opts, secretOptions),
      ),
    variable: (key, value) =>
      new github.ActionsEnvironmentVariable(
        `${name}-variable-${kebab(key)}`,
        { repository, environment, variableName: key, value },
        opts,
      ),
  };
}

/** The repository's own secrets and variables: every workflow on every branch of the repository itself sees them. */
export function repositoryStore(name: string, repository: string, opts: pulumi.CustomResourceOptions): Store {
  return {
    secret: (key, value) =>
      new github.ActionsSecret(
        `${name}-secret-${kebab(key)}`,
        { repository, secretName: key, value: pulumi.secret(value) },
        pulumi.mergeOptions(opts, secretOptions),
      ),
    variable: (key, value) =>
      new github.ActionsVariable(`${name}-variable-${kebab(key)}`, { repository, variableName: key, value }, opts),
  };
}
