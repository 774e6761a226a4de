import { verify } from "node:crypto";
import { z } from "zod";

import { mint } from "./oauth.ts";
import { ApiError, type Reply } from "./reply.ts";
import type { Store, StoredKey } from "./store.ts";

/** POST /oauth/token-exchange: an identity token of a workload for an access token. */
export interface ExchangeRequest {
  /** Form with client_id and jwt. */
  readonly body: string;
  readonly store: Store;
  /** Public keys in PEM. Tailscale itself fetches them from the issuer, which must be public. */
  readonly issuers: Readonly<Record<string, string>>;
  readonly now: Date;
}

const claims = z.looseObject({
  iss: z.string(),
  sub: z.string(),
  aud: z.union([z.string(), z.array(z.string())]),
  exp: z.number(),
});

type Claims = z.output<typeof claims>;

function unauthorized(): ApiError {
  return new ApiError(401, "Unauthorized. Visit https://tailscale.com/s/wif-troubleshooting for details");
}

/** Reads a JWT whose signature is right. Algorithms: RS256 and EdDSA. */
function verified(jwt: string, issuers: ExchangeRequest["issuers"]): Claims | undefined {
  try {
    const [header = "", payload = "", signature = ""] = jwt.split(".");
    const { alg } = z.looseObject({ alg: z.enum(["RS256", "EdDSA"]) }).parse(decoded(header));
    const result = claims.parse(decoded(payload));
    const key = issuers[result.iss];
    if (key === undefined) return undefined;
    const signed = Buffer.from(`${header}.${payload}`);
    return verify(alg === "RS256" ? "sha256" : null, signed, key, Buffer.from(signature, "base64url"))
      ? result
      : undefined;
  } catch {
    // Whatever is wrong with a token, the answer is the same.
    return undefined;
  }
}

function decoded(part: string): unknown {
  return JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
}

/** "*" stands for any text; everything else is exact. */
function matches(pattern: string, value: unknown): boolean {
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") return false;
  const expression = pattern.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${expression.join(".*")}$`, "s").test(String(value));
}

function trusts(key: StoredKey, token: Claims, now: Date): boolean {
  const audiences = typeof token.aud === "string" ? [token.aud] : token.aud;
  return (
    token.iss === key.issuer &&
    matches(key.subject ?? "", token.sub) &&
    audiences.includes(key.audience ?? "") &&
    token.exp * 1000 > now.getTime() &&
    Object.entries(key.customClaimRules ?? {}).every(([claim, pattern]) => matches(pattern, token[claim]))
  );
}

/** @throws {ApiError} 401, whatever does not fit. */
export function postTokenExchange({ body, store, issuers, now }: ExchangeRequest): Reply {
  const form = new URLSearchParams(body);
  const id = form.get("client_id");
  const key = store.state.keys.find((candidate) => candidate.id === id && candidate.keyType === "federated");
  const token = verified(form.get("jwt") ?? "", issuers);
  if (key === undefined || key.revoked !== undefined || token === undefined || !trusts(key, token, now))
    throw unauthorized();
  return mint(store, key, key.scopes, now);
}
