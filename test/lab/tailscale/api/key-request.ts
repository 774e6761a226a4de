import { z } from "zod";

import { ApiError } from "./reply.ts";

const list = z
  .array(z.string())
  .nullish()
  .transform((value) => value ?? []);
const description = z
  .string()
  .nullish()
  .transform((value) => value ?? "");

const capabilities = z.looseObject({
  devices: z.looseObject({
    create: z.looseObject({
      reusable: z.boolean().nullish(),
      ephemeral: z.boolean().nullish(),
      preauthorized: z.boolean().nullish(),
      tags: list,
    }),
  }),
});

const auth = z.object({
  keyType: z.literal("auth").default("auth"),
  description,
  capabilities,
  expirySeconds: z.number().int().nonnegative().nullish(),
});

const client = z.object({ keyType: z.literal("client"), description, scopes: list, tags: list });

const federated = client.extend({
  keyType: z.literal("federated"),
  issuer: z.string().nullish(),
  subject: z.string().nullish(),
  audience: z.string().nullish(),
  customClaimRules: z.record(z.string(), z.string()).nullish(),
});

/** What a client asks for when it makes or replaces a key. */
export type KeyRequest = z.output<typeof auth> | z.output<typeof client> | z.output<typeof federated>;

const RESERVED_CLAIMS = ["sub", "iss", "aud"];

/** Scopes that need tags. Source: Tailscale's OpenAPI document, createKey. */
function needsTags(scopes: readonly string[]): boolean {
  return scopes.some((scope) => ["devices:core", "devices", "auth_keys", "all"].includes(scope));
}

function checkCredential(request: z.output<typeof client> | z.output<typeof federated>): void {
  if (request.scopes.length === 0) throw new ApiError(400, "scopes must not be empty");
  if (needsTags(request.scopes) && request.tags.length === 0) {
    throw new ApiError(400, "tags are required for the scopes devices:core and auth_keys");
  }
  if (request.keyType !== "federated") return;
  if (!request.issuer) throw new ApiError(400, "issuer must not be empty");
  if (!request.subject) throw new ApiError(400, "subject must not be empty");
  const reserved = Object.keys(request.customClaimRules ?? {}).find((claim) => RESERVED_CLAIMS.includes(claim));
  if (reserved !== undefined) throw new ApiError(400, `custom claim rule "${reserved}" is reserved`);
}

/** Reads the body of POST or PUT. Other fields than the API's own are ignored. @throws {ApiError} 400 with what is wrong. */
export function parseKeyRequest(body: string): KeyRequest {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw new ApiError(400, "invalid JSON in request body");
  }
  const shape = z.looseObject({ keyType: z.string().nullish() }).safeParse(value);
  const type = shape.data?.keyType ?? "auth";
  const schema = type === "client" ? client : type === "federated" ? federated : auth;
  const result = schema.safeParse(value);
  if (!result.success) throw new ApiError(400, z.prettifyError(result.error).replace(/\s+/g, " "));
  if (!/^[A-Za-z0-9 -]{0,50}$/.test(result.data.description)) {
    throw new ApiError(400, "description may have at most 50 letters, digits, hyphens and spaces");
  }
  if (result.data.keyType !== "auth") checkCredential(result.data);
  return result.data;
}
