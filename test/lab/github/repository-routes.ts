/** Repositories, users, and the settings of Actions. */
import { contentRoutes } from "./content-routes.ts";
import { environmentRoutes } from "./environment-routes.ts";
import { notFound, requireScope, type Exchange, type Reply, type RepositoryExchange } from "./exchange.ts";
import type { Repository } from "./state.ts";
import { vaultRoutes } from "./vault-routes.ts";

function describe({ root, store }: Exchange, repository: Repository): object {
  const { id, owner, name, defaultBranch, created } = repository;
  const full_name = `${owner}/${name}`;
  const web = new URL(full_name, root).href;
  return {
    ...{ id, node_id: `R_${id}`, name, full_name, private: repository.private, fork: false, archived: false },
    owner: { login: owner, id: store.state.ownerId, type: "User" },
    ...{ default_branch: defaultBranch, created_at: created, topics: [] },
    ...{ visibility: repository.private ? "private" : "public", html_url: web, clone_url: `${web}.git` },
    permissions: { admin: true, push: true, pull: true },
  };
}

// `use_immutable_subject` and `sub_claim_prefix`: the subject of a repository made after 2026-07-15 holds its ids.
function subject(exchange: RepositoryExchange): Reply {
  const { method, body, repository, store } = exchange;
  if (method === "PUT") {
    const keys = body.include_claim_keys;
    repository.subject.claims = body.use_default === true || !Array.isArray(keys) ? null : keys.map(String);
    return { status: 201, body: {} };
  }
  const { claims, immutable } = repository.subject;
  const prefix = immutable
    ? `repo:${repository.owner}@${store.state.ownerId}/${repository.name}@${repository.id}`
    : `repo:${repository.owner}/${repository.name}`;
  const keys = claims === null ? {} : { include_claim_keys: claims };
  return {
    status: 200,
    body: { use_default: claims === null, ...keys, use_immutable_subject: immutable, sub_claim_prefix: prefix },
  };
}

function actions(exchange: RepositoryExchange): Reply | undefined {
  const [kind, ...rest] = exchange.parts;
  const path = rest.join("/");
  if (kind === "oidc" && path === "customization/sub") return subject(exchange);
  if (kind === "permissions" && path === "") return { status: 200, body: { enabled: true, allowed_actions: "all" } };
  if (kind === "permissions" && path === "workflow") {
    const body = { default_workflow_permissions: "read", can_approve_pull_request_reviews: false };
    return { status: 200, body };
  }
  return vaultRoutes(exchange, exchange.repository);
}

/** By `repos/OWNER/NAME`, or by `repositories/ID`, as the real provider writes an environment's secrets. */
function repositoryRoutes(exchange: Exchange): Reply | undefined {
  const { parts, store, token, method } = exchange;
  const named = parts[0] === "repos" ? 2 : 1;
  const wanted = parts
    .slice(1, 1 + named)
    .join("/")
    .toLowerCase();
  const [kind, ...rest] = parts.slice(1 + named);
  const found = Object.values(store.state.repositories).find(
    ({ id, owner, name }) => (named === 1 ? String(id) : `${owner}/${name}`.toLowerCase()) === wanted,
  );
  // A private repository does not exist for a token that may not read it.
  if (found === undefined || (found.private && !token.scopes.includes("repo"))) throw notFound();
  if (method !== "GET") requireScope(token, "repo");
  if (kind === undefined) return { status: 200, body: describe(exchange, found) };
  const inside = { ...exchange, repository: found, parts: rest };
  if (kind === "actions") return actions(inside);
  if (kind === "environments") return environmentRoutes(inside);
  return contentRoutes({ ...inside, parts: [kind, ...rest] });
}

/** Answers a request; undefined for what the stand-in does not know. */
export function routes(exchange: Exchange): Reply | undefined {
  const [kind, name] = exchange.parts;
  const { token, store } = exchange;
  const user = (login: string) => ({ login, id: store.state.ownerId, type: "User" });
  switch (kind) {
    case "user":
      // The plan is told to its owner alone.
      return { status: 200, body: { ...user(token.login), plan: { name: store.state.plan } } };
    case "users":
      if (name === token.login) return { status: 200, body: user(name) };
      throw notFound();
    case "repos":
    case "repositories":
      return repositoryRoutes(exchange);
    default:
      return undefined;
  }
}
