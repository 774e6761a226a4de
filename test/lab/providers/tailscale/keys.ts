/** tailscale.OauthClient and tailscale.FederatedIdentity (terraform-provider-tailscale v0.29.2 resource_*.go). */
import { isDeepStrictEqual } from "node:util";
import type { Operation, ResourceDouble } from "../shared/double.ts";
import type { Failure } from "../shared/table.ts";
import { hasUnknown, type Bag, type Wire } from "../shared/wire.ts";
import { summarised } from "./acl.ts";
import { ApiError, type TailscaleClient } from "./client.ts";

/** Longest description the API takes. */
const MAX_DESCRIPTION = 50;

/** What the API says of a key; what is absent is undefined. */
type Key = Partial<Record<"id" | "key" | "description" | "created" | "updated" | "userId" | "audience", string>> & {
  scopes?: string[];
  tags?: string[];
};

const COMPUTED = { createdAt: "string", updatedAt: "string", userId: "string" } as const;

/** Whether two lists hold the same texts in any order (the provider's type is a set). */
export function sameSet(a: Wire, b: Wire): boolean {
  const sorted = (list: Wire): Wire[] => (Array.isArray(list) ? [...list].sort() : []);
  return isDeepStrictEqual(sorted(a), sorted(b));
}

function checkDescription({ description }: Bag): Failure[] {
  if (typeof description !== "string" || description.length <= MAX_DESCRIPTION || hasUnknown(description)) return [];
  const reason = `Attribute description string length must be at most ${MAX_DESCRIPTION}, got: ${description.length}`;
  return [{ property: "description", reason }];
}

function checkFederated(inputs: Bag): Failure[] {
  const failures = checkDescription(inputs);
  const { issuer, audience, customClaimRules } = inputs;
  if (typeof issuer === "string" && !hasUnknown(issuer) && !issuer.startsWith("https://")) {
    failures.push({ property: "issuer", reason: "Invalid URL: Must be a valid https:// URL." });
  }
  if (audience === "") {
    failures.push({ property: "audience", reason: "Attribute audience string length must be at least 1, got: 0" });
  }
  if (["sub", "iss", "aud"].some((claim) => claim in Object(customClaimRules ?? {}))) {
    const reason = 'Keys "sub", "iss" and "aud" are reserved and must not appear in custom_claim_rules.';
    failures.push({ property: "customClaimRules", reason });
  }
  return failures;
}

interface KeyKind {
  keyType: "client" | "federated";
  noun: string;
  /** The request's fields besides keyType. */
  fields(inputs: Bag): Bag;
  /** Outputs that this kind reports besides the common ones. */
  report(key: Key): Bag;
}

// A second is all that time.RFC3339 shows.
function timestamp(text: string | undefined): string {
  return (text ?? "").replace(/\.\d+Z$/, "Z");
}

function common(key: Key): Bag {
  return {
    createdAt: timestamp(key.created),
    updatedAt: timestamp(key.updated),
    userId: key.userId ?? "",
    description: key.description ?? "",
    scopes: key.scopes ?? [],
    tags: key.tags ?? [],
  };
}

/** The lifecycle that both kinds of trust credential share. */
function lifecycle(
  client: () => TailscaleClient,
  kind: KeyKind,
): Pick<ResourceDouble, "create" | "read" | "update" | "delete"> {
  const send = async (method: string, path: string, body: Bag | undefined, { signal }: Operation): Promise<Key> =>
    (await client().request({ method, path: client().tailnet(path), body, signal })).json as Key;
  const request = (inputs: Bag): Bag => ({ keyType: kind.keyType, ...kind.fields(inputs) });
  return {
    create: async (inputs, operation) => {
      const send_ = (): Promise<Key> => send("POST", "keys", request(inputs), operation);
      const key = await summarised(`Failed to create ${kind.noun}`, send_);
      const secretPart: Bag = key.key === undefined || kind.keyType === "federated" ? {} : { key: key.key };
      return { id: key.id ?? "", state: { ...common(key), ...kind.report(key), ...secretPart } };
    },
    update: async (id, state, inputs, operation) => {
      // An audience that Tailscale made is kept.
      const body = request({ audience: state.audience ?? "", ...inputs });
      const send_ = (): Promise<Key> => send("PUT", `keys/${id}`, body, operation);
      const key = await summarised(`Failed to update ${kind.noun}`, send_);
      return { ...common(key), ...kind.report(key) };
    },
    read: async (id, _state, operation) => {
      try {
        // A revoked key still answers (with invalid: true), so revoking in the console is not noticed, as in reality.
        const key = await send("GET", `keys/${id}`, undefined, operation);
        return { ...common(key), ...kind.report(key) };
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return undefined;
        throw new Error(`Failed to fetch ${kind.noun}: ${(error as Error).message}`, { cause: error });
      }
    },
    delete: async (id, _state, { signal }) => {
      try {
        await client().request({ method: "DELETE", path: client().tailnet(`keys/${id}`), signal });
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return;
        throw new Error(`Failed to delete ${kind.noun}: ${(error as Error).message}`, { cause: error });
      }
    },
  };
}

/** tailscale.OauthClient: the secret `key` is given once, at creation, and never changes. */
export function oauthClient(client: () => TailscaleClient): ResourceDouble {
  return {
    inputs: { description: "string", scopes: "strings, required", tags: "strings" },
    outputs: { ...COMPUTED, key: "string, secret" },
    unknownOnUpdate: ["updatedAt"],
    same: { scopes: sameSet, tags: sameSet },
    validate: checkDescription,
    ...lifecycle(client, {
      keyType: "client",
      noun: "oauth client",
      fields: ({ description, scopes, tags }) => ({
        description: description ?? "",
        scopes: scopes ?? [],
        tags: tags ?? [],
      }),
      report: () => ({}),
    }),
  };
}

/** tailscale.FederatedIdentity: no secret; Tailscale makes the audience unless one is given. */
export function federatedIdentity(client: () => TailscaleClient): ResourceDouble {
  return {
    inputs: {
      audience: "string",
      customClaimRules: "map",
      description: "string",
      issuer: "string, required",
      scopes: "strings, required",
      subject: "string, required",
      tags: "strings",
    },
    outputs: COMPUTED,
    unknownOnUpdate: ["updatedAt"],
    same: { scopes: sameSet, tags: sameSet },
    validate: checkFederated,
    ...lifecycle(client, {
      keyType: "federated",
      noun: "federated identity",
      fields: ({ description, scopes, tags, issuer, subject, audience, customClaimRules }) => ({
        description: description ?? "",
        scopes: scopes ?? [],
        tags: tags ?? [],
        issuer: issuer ?? "",
        subject: subject ?? "",
        audience: audience ?? "",
        customClaimRules: customClaimRules ?? {},
      }),
      report: (key) => ({
        audience: key.audience ?? "",
        customClaimRules: (key as { customClaimRules?: Bag }).customClaimRules ?? {},
      }),
    }),
  };
}
