import { randomBytes } from "node:crypto";

import { type Actor, includesScope, requireScopes } from "./actor.ts";
import type { Context } from "./context.ts";
import { type KeyRequest, parseKeyRequest } from "./key-request.ts";
import { ApiError, type Reply, forbidden, json, notFound } from "./reply.ts";
import { type StoredKey, hashSecret } from "./store.ts";
import { requireAssignable, requireGrantable } from "./tags.ts";

const SCOPE: Readonly<Record<StoredKey["keyType"], string>> = {
  auth: "auth_keys",
  client: "oauth_keys",
  federated: "federated_keys",
};

const DEFAULT_EXPIRY_SECONDS = 90 * 24 * 3600;

function random(length: number): string {
  return randomBytes(length).toString("hex").slice(0, length);
}

/** A key as the API shows it. The secret is shown once, to whom makes it. */
function shown(key: StoredKey, secret?: string): Record<string, unknown> {
  const visible = Object.entries(key).filter(([name]) => name !== "secretHash");
  const invalid = key.revoked === undefined ? {} : { invalid: true };
  return { ...Object.fromEntries(visible), ...invalid, ...(secret === undefined ? {} : { key: secret }) };
}

function authFields(request: Extract<KeyRequest, { keyType: "auth" }>, now: Date): Partial<StoredKey> {
  const asked = request.expirySeconds ?? 0;
  const seconds = asked === 0 ? DEFAULT_EXPIRY_SECONDS : asked;
  const expires = new Date(now.getTime() + seconds * 1000).toISOString();
  const { capabilities } = request;
  return { capabilities, expirySeconds: seconds, expires, tags: capabilities.devices.create.tags };
}

function credentialFields(request: Exclude<KeyRequest, { keyType: "auth" }>, id: string): Partial<StoredKey> {
  const { scopes, tags } = request;
  if (request.keyType === "client") return { scopes, tags };
  const audience = request.audience ?? "";
  return {
    scopes,
    tags,
    issuer: request.issuer ?? "",
    subject: request.subject ?? "",
    audience: audience === "" ? `api.tailscale.com/${id}` : audience,
    customClaimRules: request.customClaimRules ?? {},
  };
}

/** A credential may hand out the tags it holds or owns, and, as far as the lab goes, only scopes that it has. */
function requirePermitted(request: KeyRequest, context: Context): void {
  const { actor, store } = context;
  requireScopes(actor, SCOPE[request.keyType]);
  if (request.keyType === "auth") {
    const { tags } = request.capabilities.devices.create;
    if (actor.kind === "client" || tags.length > 0) requireAssignable(actor, tags, store.state.policy);
    return;
  }
  if (!request.scopes.every((scope) => includesScope(actor.scopes, scope))) throw forbidden();
  requireGrantable(actor, request.tags, store.state.policy);
}

function ownerId(actor: Actor): string {
  return actor.kind === "user" ? `u${hashSecret(actor.user.login).slice(0, 9)}CNTRL` : "";
}

/** POST …/keys: makes an auth key, an OAuth client or a federated identity. */
export function createKey(context: Context): Reply {
  const request = parseKeyRequest(context.body);
  requirePermitted(request, context);
  const id = `k${random(9)}CNTRL`;
  const secret = request.keyType === "federated" ? undefined : `tskey-${request.keyType}-${id}-${random(32)}`;
  const fields = request.keyType === "auth" ? authFields(request, context.now) : credentialFields(request, id);
  const key: StoredKey = {
    id,
    keyType: request.keyType,
    description: request.description,
    created: context.now.toISOString(),
    scopes: [],
    tags: [],
    userId: ownerId(context.actor),
    ...(secret === undefined ? {} : { secretHash: hashSecret(secret) }),
    ...fields,
  };
  context.store.state.keys.push(key);
  context.store.save();
  return json(shown(key, secret));
}

/** Finds a key that the actor may see, revoked or not. @throws {ApiError} 404, 403 */
function find(context: Context, id: string, access: "" | ":read"): StoredKey {
  const key = context.store.state.keys.find((candidate) => candidate.id === id);
  if (key === undefined) throw notFound();
  requireScopes(context.actor, `${SCOPE[key.keyType]}${access}`);
  return key;
}

/** GET …/keys: those that are neither revoked nor hidden from the actor. */
export function listKeys(context: Context): Reply {
  const visible = Object.values(SCOPE).filter((scope) => includesScope(context.actor.scopes, `${scope}:read`));
  if (visible.length === 0) throw forbidden();
  const keys = context.store.state.keys.filter(
    (key) => key.revoked === undefined && visible.includes(SCOPE[key.keyType]),
  );
  return json({ keys: keys.map((key) => shown(key)) });
}

/** GET …/keys/ID: also of a deleted key, which has `invalid` and `revoked`. Source: acceptance tests of Tailscale's Terraform provider. */
export function getKey(context: Context, id: string): Reply {
  return json(shown(find(context, id, ":read")));
}

/** PUT …/keys/ID: replaces scopes, tags and the rest of a credential; its secret stays. */
export function putKey(context: Context, id: string): Reply {
  const key = find(context, id, "");
  const request = parseKeyRequest(context.body);
  if (request.keyType === "auth" || request.keyType !== key.keyType)
    throw new ApiError(400, "keyType cannot be changed");
  if (key.revoked !== undefined) throw notFound();
  requirePermitted(request, context);
  const updated = context.now.toISOString();
  Object.assign(key, { description: request.description, updated }, credentialFields(request, id));
  context.store.save();
  return json(shown(key));
}

/** DELETE …/keys/ID: revokes the key and the tokens made with it. */
export function deleteKey(context: Context, id: string): Reply {
  const key = find(context, id, "");
  const { state } = context.store;
  key.revoked ??= context.now.toISOString();
  state.tokens = state.tokens.filter(({ keyId }) => keyId !== id);
  context.store.save();
  return json({});
}
