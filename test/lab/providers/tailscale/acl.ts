/** tailscale.Acl and getAcl, with the real provider's quirks (terraform-provider-tailscale v0.29.2 resource_acl.go). */
import { randomUUID } from "node:crypto";
import { createScanner, parse, type ParseError } from "jsonc-parser";
import type { FunctionDouble, ResourceDouble } from "../shared/double.ts";
import { hasUnknown, text, type Bag, type Wire } from "../shared/wire.ts";
import { ApiError, type TailscaleClient } from "./client.ts";

// jsonc-parser's SyntaxKind, a const enum that type stripping cannot import.
const COMMA = 5;
const END = 17;
const CLOSING: readonly number[] = [2, 4];
const COMMENTS: readonly number[] = [12, 13];
const WHITE_SPACE: readonly number[] = [14, 15];

// What is left of a policy after hujson.Format evens out white space and trailing commas; comments and order count.
function tokens(policy: string): string[] {
  const scanner = createScanner(policy);
  const found: { kind: number; text: string }[] = [];
  for (let kind: number = scanner.scan(); kind !== END; kind = scanner.scan()) {
    if (WHITE_SPACE.includes(kind)) continue;
    if (CLOSING.includes(kind)) dropTrailingComma(found);
    found.push({ kind, text: scanner.getTokenValue().trimEnd() });
  }
  return found.map((token) => token.text);
}

function dropTrailingComma(found: { kind: number }[]): void {
  const last = found.findLastIndex(({ kind }) => !COMMENTS.includes(kind));
  if (found[last]?.kind === COMMA) found.splice(last, 1);
}

/** Whether two policies differ in white space or trailing commas only. */
export function samePolicy(a: Wire, b: Wire): boolean {
  return JSON.stringify(tokens(text(a))) === JSON.stringify(tokens(text(b)));
}

async function setPolicy(client: TailscaleClient, policy: string, etag: string, signal: AbortSignal): Promise<void> {
  await client.request({
    method: "POST",
    path: client.tailnet("acl"),
    body: policy,
    headers: {
      accept: "application/hujson",
      "content-type": "application/hujson",
      ...(etag === "" ? {} : { "if-match": `"${etag}"` }),
    },
    signal,
  });
}

async function getPolicy(client: TailscaleClient, signal: AbortSignal): Promise<string> {
  const headers = { accept: "application/hujson" };
  return (await client.request({ method: "GET", path: client.tailnet("acl"), headers, signal })).text;
}

/** Runs an API call; a failure's message begins with the provider's summary. */
export async function summarised<T>(summary: string, calls: () => Promise<T>): Promise<T> {
  try {
    return await calls();
  } catch (error) {
    throw new Error(`${summary}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

const OVERWRITE_PROTECTED =
  "Overwrite Protected: You are trying to overwrite a non-default policy. Please import the ACL first or set overwrite_existing_content = true.";

async function createAcl(client: TailscaleClient, inputs: Bag, signal: AbortSignal): Promise<void> {
  const etag = inputs.overwriteExistingContent === true ? "" : "ts-default";
  try {
    await setPolicy(client, text(inputs.acl), etag, signal);
  } catch (error) {
    if (error instanceof ApiError && error.status === 412) throw new Error(OVERWRITE_PROTECTED, { cause: error });
    throw new Error(`Failed to set ACL: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** tailscale.Acl: update sends no If-Match, delete forgets unless resetAclOnDestroy, nothing is validated in preview. */
export function acl(client: () => TailscaleClient): ResourceDouble {
  return {
    inputs: { acl: "string, required", overwriteExistingContent: "boolean", resetAclOnDestroy: "boolean" },
    outputs: {},
    same: { acl: samePolicy },
    validate: ({ acl: policy }) => {
      const errors: ParseError[] = [];
      if (policy !== undefined && !hasUnknown(policy)) parse(text(policy), errors, { allowTrailingComma: true });
      const first = errors[0];
      return first === undefined
        ? []
        : [{ property: "acl", reason: `ACL is not a valid HuJSON string: error at character ${first.offset}` }];
    },
    create: async (inputs, { signal }) => {
      await createAcl(client(), inputs, signal);
      return { id: randomUUID(), state: {} };
    },
    update: async (_id, _state, inputs, { signal }) => {
      await summarised("Failed to update ACL", () => setPolicy(client(), text(inputs.acl), "", signal));
      return {};
    },
    read: async (_id, _state, { signal }) => ({
      acl: await summarised("Failed to fetch ACL", () => getPolicy(client(), signal)),
    }),
    delete: async (_id, state, { signal }) => {
      if (state.resetAclOnDestroy !== true) return;
      await summarised("Failed to reset ACL", () => setPolicy(client(), "", "", signal));
    },
  };
}

/** tailscale.getAcl: the policy as Tailscale keeps it and as plain JSON. */
export function getAcl(client: () => TailscaleClient): FunctionDouble {
  return {
    inputs: {},
    outputs: ["hujson", "id", "json"],
    invoke: async (_inputs, signal) => {
      const hujson = await summarised("Failed to fetch ACL", () => getPolicy(client(), signal));
      const errors: ParseError[] = [];
      const json = JSON.stringify(parse(hujson, errors, { allowTrailingComma: true }));
      if (errors.length > 0) throw new Error("Failed to parse ACL as HuJSON");
      return { id: randomUUID(), hujson, json };
    },
  };
}
