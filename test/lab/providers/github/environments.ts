/** github.RepositoryEnvironment and github.RepositoryEnvironmentDeploymentPolicy. */
import type { ResourceDouble } from "../shared/double.ts";
import { text, type Bag, type Wire } from "../shared/wire.ts";
import { joinId, texts, type Connection, type GithubClient } from "./client.ts";

function environmentPath(client: GithubClient, bag: Bag, path = ""): string {
  const [repository = "", environment = ""] = texts(bag, "repository", "environment");
  return client.repository(repository, `environments/${encodeURIComponent(environment)}${path}`);
}

// createUpdateEnvironmentData: canAdminsBypass is true and preventSelfReview false unless said otherwise.
function environmentBody(inputs: Bag): Bag {
  const policy = inputs.deploymentBranchPolicy as Bag | undefined;
  const reviewers = inputs.reviewers as { teams?: number[]; users?: number[] }[] | undefined;
  const body: Bag = {
    can_admins_bypass: inputs.canAdminsBypass ?? true,
    prevent_self_review: inputs.preventSelfReview ?? false,
  };
  if (inputs.waitTimer !== undefined) body.wait_timer = inputs.waitTimer;
  if (reviewers !== undefined) {
    const teams = (reviewers[0]?.teams ?? []).map((id) => ({ type: "Team", id }));
    body.reviewers = [...teams, ...(reviewers[0]?.users ?? []).map((id) => ({ type: "User", id }))];
  }
  if (policy !== undefined) {
    body.deployment_branch_policy = {
      protected_branches: policy.protectedBranches ?? false,
      custom_branch_policies: policy.customBranchPolicies ?? false,
    };
  }
  return body;
}

interface Environment {
  can_admins_bypass?: boolean;
  deployment_branch_policy: { protected_branches: boolean; custom_branch_policies: boolean } | null;
}

function environmentState(found: Environment): Bag {
  const policy = found.deployment_branch_policy;
  return {
    canAdminsBypass: found.can_admins_bypass ?? true,
    deploymentBranchPolicy:
      policy === null
        ? null
        : { protectedBranches: policy.protected_branches, customBranchPolicies: policy.custom_branch_policies },
  };
}

/** github.RepositoryEnvironment: PUT makes it or takes over one that exists. */
export function repositoryEnvironment(connection: Connection): ResourceDouble {
  const put = async (inputs: Bag, signal: AbortSignal): Promise<void> => {
    const path = environmentPath(connection(), inputs);
    await connection().request({ method: "PUT", path, body: environmentBody(inputs), signal });
  };
  return {
    inputs: {
      canAdminsBypass: "boolean",
      deploymentBranchPolicy: "BranchPolicy",
      environment: "string, required, replaces",
      preventSelfReview: "boolean",
      repository: "string, required",
      reviewers: "list",
      waitTimer: "number",
    },
    outputs: { repositoryId: "number" },
    alsoReplaces: (changed) => changed.filter((name) => name === "repository"),
    create: async (inputs, { signal }) => {
      const [repository = "", environment = ""] = texts(inputs, "repository", "environment");
      await put(inputs, signal);
      const repositoryId = await connection().repositoryId(repository, signal);
      return { id: joinId(repository, environment), state: { repositoryId } };
    },
    update: async (_id, _state, inputs, { signal }) => {
      await put(inputs, signal);
      return {};
    },
    read: async (_id, state, { signal }) => {
      const path = environmentPath(connection(), state);
      const found = await connection().find<Environment>({ method: "GET", path, signal });
      return found === undefined ? undefined : environmentState(found);
    },
    delete: async (_id, state, { signal }) => {
      const path = environmentPath(connection(), state);
      await connection().allow([404], { method: "DELETE", path, signal });
    },
  };
}

/** github.RepositoryEnvironmentDeploymentPolicy: one pattern of branches or of tags that may deploy. */
export function deploymentPolicy(connection: Connection): ResourceDouble {
  const path = (bag: Bag, id?: Wire): string =>
    environmentPath(
      connection(),
      bag,
      `/deployment-branch-policies${id === undefined ? "" : `/${text(id) || Number(id)}`}`,
    );
  return {
    inputs: {
      branchPattern: "string",
      environment: "string, required, replaces",
      repository: "string, required",
      tagPattern: "string",
    },
    outputs: { policyId: "number", repositoryId: "number" },
    alsoReplaces: (changed) => [
      ...changed.filter((name) => name === "repository"),
      ...(changed.includes("branchPattern") && changed.includes("tagPattern") ? ["branchPattern", "tagPattern"] : []),
    ],
    validate: ({ branchPattern, tagPattern }) =>
      (branchPattern === undefined) === (tagPattern === undefined)
        ? [{ property: "branchPattern", reason: "exactly one of branchPattern, tagPattern must be set" }]
        : [],
    create: async (inputs, { signal }) => {
      const [repository = "", environment = "", branch = "", tag = ""] = texts(
        inputs,
        ...["repository", "environment", "branchPattern", "tagPattern"],
      );
      const body = { name: branch || tag, type: branch === "" ? "tag" : "branch" };
      const { id } = await connection().json<{ id: number }>({ method: "POST", path: path(inputs), body, signal });
      const repositoryId = await connection().repositoryId(repository, signal);
      return { id: joinId(repository, environment, String(id)), state: { policyId: id, repositoryId } };
    },
    update: async (_id, state, inputs, { signal }) => {
      const [branch = "", tag = ""] = texts(inputs, "branchPattern", "tagPattern");
      const body = { name: branch || tag };
      await connection().request({ method: "PUT", path: path(inputs, state.policyId), body, signal });
      return {};
    },
    read: async (_id, state, { signal }) => {
      const request = { method: "GET", path: path(state, state.policyId), signal };
      const found = await connection().find<{ name: string; type: string }>(request);
      if (found === undefined) return undefined;
      return { [found.type === "branch" ? "branchPattern" : "tagPattern"]: found.name };
    },
    delete: async (_id, state, { signal }) => {
      await connection().request({ method: "DELETE", path: path(state, state.policyId), signal });
    },
  };
}
