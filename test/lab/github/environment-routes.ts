/** Environments of a repository, and which branches may deploy to them. */
import { existing, notFound, Refusal, textOf, timestamp, type Reply, type RepositoryExchange } from "./exchange.ts";
import type { BranchPolicy, Environment } from "./state.ts";
import { newVault } from "./vault.ts";
import { vaultRoutes } from "./vault-routes.ts";

// Protection rules in private repositories need GitHub Pro, Team or Enterprise.
function checkPlan({ store, repository }: RepositoryExchange, rule: string): void {
  if (store.state.plan !== "free" || !repository.private) return;
  throw new Refusal(
    422,
    `Failed to create the environment protection rule. Please ensure the billing plan supports the ${rule} protection rule.`,
  );
}

function describe(name: string, environment: Environment): Record<string, unknown> {
  const { id, created, updated, waitTimer, canAdminsBypass, preventSelfReview, reviewers, branchPolicy } = environment;
  const named = reviewers.map((each) => ({ type: each.type, reviewer: { id: each.id } }));
  const rules = [
    ...(waitTimer > 0 ? [{ id: id + 1, type: "wait_timer", wait_timer: waitTimer }] : []),
    ...(named.length > 0
      ? [{ id: id + 2, type: "required_reviewers", prevent_self_review: preventSelfReview, reviewers: named }]
      : []),
    ...(branchPolicy === null ? [] : [{ id: id + 3, type: "branch_policy" }]),
  ];
  return {
    ...{ id, node_id: `EN_${id}`, name, created_at: created, updated_at: updated },
    ...{ can_admins_bypass: canAdminsBypass, protection_rules: rules, deployment_branch_policy: branchPolicy },
  };
}

function checkBranchPolicy(value: unknown): BranchPolicy | null {
  if (value === undefined || value === null) return null;
  const { protected_branches, custom_branch_policies } = value as Partial<BranchPolicy>;
  if (protected_branches === custom_branch_policies) {
    throw new Refusal(422, "protected_branches and custom_branch_policies cannot have the same value");
  }
  return { protected_branches: protected_branches === true, custom_branch_policies: custom_branch_policies === true };
}

function putEnvironment(exchange: RepositoryExchange, name: string): Reply {
  const { body, repository, store } = exchange;
  const branchPolicy = checkBranchPolicy(body.deployment_branch_policy);
  const reviewers = (body.reviewers ?? []) as { type: string; id: number }[];
  const waitTimer = Number(body.wait_timer ?? 0);
  if (branchPolicy !== null) checkPlan(exchange, "branch policy");
  if (reviewers.length > 0) checkPlan(exchange, "required reviewers");
  if (waitTimer > 0) checkPlan(exchange, "wait timer");
  const before = repository.environments[name];
  const now = timestamp();
  const environment: Environment = {
    ...(before ?? { ...newVault(), id: store.nextId() * 10, created: now, policies: [] }),
    ...{ updated: now, waitTimer, reviewers, branchPolicy },
    canAdminsBypass: body.can_admins_bypass !== false,
    preventSelfReview: body.prevent_self_review === true,
  };
  if (branchPolicy?.custom_branch_policies !== true) environment.policies = [];
  repository.environments[name] = environment;
  return { status: 200, body: describe(name, environment) };
}

function policies(exchange: RepositoryExchange, environment: Environment, id: string | undefined): Reply {
  const { method, body, store } = exchange;
  if (environment.branchPolicy?.custom_branch_policies !== true) {
    throw new Refusal(
      404,
      "Not Found or `deployment_branch_policy.custom_branch_policies` property for that environment is set to false",
    );
  }
  const list = environment.policies;
  if (id === undefined) {
    if (method === "GET") return { status: 200, body: { total_count: list.length, branch_policies: list } };
    const made = { id: store.nextId(), name: textOf(body, "name"), type: textOf(body, "type", "branch") };
    // GitHub answers 303 for one that is there already.
    if (list.some((each) => each.name === made.name && each.type === made.type)) return { status: 303 };
    list.push(made);
    return { status: 200, body: made };
  }
  const found = existing(list.find((each) => each.id === Number(id)));
  if (method === "PUT") found.name = textOf(body, "name");
  if (method !== "DELETE") return { status: 200, body: found };
  list.splice(list.indexOf(found), 1);
  return { status: 204 };
}

/** Answers `environments…`; `parts` begins after that. */
export function environmentRoutes(exchange: RepositoryExchange): Reply | undefined {
  const { method, parts, repository } = exchange;
  const [name, ...rest] = parts;
  const environments = repository.environments;
  if (name === undefined) {
    const list = Object.entries(environments).map(([key, value]) => describe(key, value));
    return { status: 200, body: { total_count: list.length, environments: list } };
  }
  if (rest.length === 0 && method === "PUT") return putEnvironment(exchange, name);
  const environment = environments[name];
  if (environment === undefined) throw notFound();
  if (rest.length === 0) {
    if (method === "GET") return { status: 200, body: describe(name, environment) };
    // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- a record read from JSON
    delete environments[name];
    return { status: 204 };
  }
  if (rest[0] === "deployment-branch-policies") return policies(exchange, environment, rest[1]);
  return vaultRoutes({ ...exchange, parts: rest }, environment);
}
