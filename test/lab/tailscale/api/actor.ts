import type { User } from "../policy/tailnet.ts";
import { ApiError, forbidden } from "./reply.ts";
import { type State, hashSecret } from "./store.ts";

/** An API access token of a user, which may do everything that the user may. */
export interface ApiKey {
  readonly key: string;
  /** Login of the user that made it. */
  readonly user: string;
}

/** Who makes one request, and the scopes that it turned out to need. */
export type Actor = { readonly used: Set<string> } & (
  | { readonly kind: "user"; readonly user: User; readonly scopes: readonly string[] }
  | {
      readonly kind: "client";
      readonly keyId: string;
      readonly scopes: readonly string[];
      readonly tags: readonly string[];
    }
);

/** The secret of a Basic (user name) or Bearer header; "" when there is none. Basic is how the Go client sends API keys. */
export function presentedSecret(authorization: string | undefined): string {
  const [scheme = "", value = ""] = (authorization ?? "").split(" ");
  if (scheme.toLowerCase() === "bearer") return value;
  if (scheme.toLowerCase() !== "basic") return "";
  return Buffer.from(value, "base64").toString().split(":")[0] ?? "";
}

/** Finds out who asks. @throws {ApiError} 401 on no, an unknown, an expired or a revoked credential. */
export function authenticate(
  authorization: string | undefined,
  world: {
    readonly state: State;
    readonly apiKeys: readonly ApiKey[];
    readonly users: readonly User[];
    readonly now: Date;
    /** Gets the scopes that the request turns out to need. */
    readonly used: Set<string>;
  },
): Actor {
  const { used } = world;
  const secret = presentedSecret(authorization);
  const apiKey = world.apiKeys.find(({ key }) => key === secret);
  const user = world.users.find(({ login }) => login === apiKey?.user);
  if (user !== undefined) return { kind: "user", user, scopes: ["all"], used };
  const hash = hashSecret(secret);
  const token = world.state.tokens.find((candidate) => candidate.hash === hash);
  const key = world.state.keys.find(({ id }) => id === token?.keyId);
  if (token === undefined || key === undefined || key.revoked !== undefined || new Date(token.expires) <= world.now) {
    throw new ApiError(401, "API token invalid");
  }
  return { kind: "client", keyId: key.id, scopes: token.scopes, tags: token.tags, used };
}

/** Whether granted scopes include a needed one: "all" is everything, a write scope includes reading, a group includes its parts. */
export function includesScope(granted: readonly string[], needed: string): boolean {
  const read = needed.endsWith(":read");
  const base = read ? needed.slice(0, -":read".length) : needed;
  const parts = base.split(":");
  const names = ["all", ...parts.map((_, index) => parts.slice(0, index + 1).join(":"))];
  return names.some((name) => granted.includes(name) || (read && granted.includes(`${name}:read`)));
}

/** @throws {ApiError} 403 unless the actor has all of the scopes. */
export function requireScopes(actor: Actor, ...needed: readonly string[]): void {
  for (const scope of needed) actor.used.add(scope);
  if (!needed.every((scope) => includesScope(actor.scopes, scope))) throw forbidden();
}
