import { randomBytes } from "node:crypto";

import { includesScope } from "./actor.ts";
import { ApiError, type Reply, json } from "./reply.ts";
import { type Store, type StoredKey, hashSecret } from "./store.ts";

/** Seconds for which a minted token is good. Source: tailscale.com/docs/features/oauth-clients. */
const LIFETIME_SECONDS = 3600;

/** What a token request carries: a form, and perhaps the client in a Basic header. */
export interface TokenRequest {
  readonly authorization: string | undefined;
  readonly body: string;
  readonly store: Store;
  readonly now: Date;
}

function presented({ authorization, body }: TokenRequest): { id: string; secret: string; form: URLSearchParams } {
  const form = new URLSearchParams(body);
  if (!(authorization ?? "").toLowerCase().startsWith("basic ")) {
    return { id: form.get("client_id") ?? "", secret: form.get("client_secret") ?? "", form };
  }
  const [id = "", secret = ""] = Buffer.from((authorization ?? "").slice("basic ".length), "base64")
    .toString()
    .split(":");
  return { id: decodeURIComponent(id), secret: decodeURIComponent(secret), form };
}

/** The secret alone names its client; a client id that is given must agree. */
function clientOf(request: TokenRequest): { readonly client: StoredKey; readonly form: URLSearchParams } {
  const { id, secret, form } = presented(request);
  const hash = hashSecret(secret);
  const client = request.store.state.keys.find(
    ({ keyType, secretHash }) => keyType === "client" && secretHash === hash,
  );
  if (client === undefined || client.revoked !== undefined || (id !== "" && id !== client.id)) {
    throw new ApiError(401, "API token invalid");
  }
  return { client, form };
}

/** Keeps a new token of a credential and answers with it. */
export function mint(store: Store, key: StoredKey, scopes: readonly string[], now: Date): Reply {
  const secret = `tskey-api-${key.id}-${randomBytes(16).toString("hex")}`;
  const expires = new Date(now.getTime() + LIFETIME_SECONDS * 1000).toISOString();
  store.state.tokens = store.state.tokens.filter((token) => new Date(token.expires) > now);
  store.state.tokens.push({ hash: hashSecret(secret), keyId: key.id, scopes: [...scopes], tags: key.tags, expires });
  store.save();
  return json({ access_token: secret, token_type: "Bearer", expires_in: LIFETIME_SECONDS, scope: scopes.join(" ") });
}

/** POST /oauth/token: client credentials for an access token. @throws {ApiError} 401, 400 */
export function postToken(request: TokenRequest): Reply {
  const { client, form } = clientOf(request);
  const grant = form.get("grant_type");
  if (grant !== null && grant !== "client_credentials") throw new ApiError(400, `unsupported grant_type "${grant}"`);
  const wanted = (form.get("scope") ?? "").split(" ").filter((scope) => scope !== "");
  if (!wanted.every((scope) => includesScope(client.scopes, scope)))
    throw new ApiError(400, "requested scopes exceed the client's");
  return mint(request.store, client, wanted.length === 0 ? client.scopes : wanted, request.now);
}
