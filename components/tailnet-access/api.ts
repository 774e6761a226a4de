/** The calls of Tailscale's API that a policy takes. Source: Tailscale's API description, `/tailnet/{tailnet}/acl`. */
import { z } from "zod";
import { type TailscaleAccess, TailscaleError } from "./credentials.ts";
import { type Answer, ask } from "./request.ts";

/** The policy as Tailscale holds it, and the tag of this version of it. */
export interface LivePolicy {
  readonly text: string;
  /** As the header has it, in quotes; undefined when the answer had none. */
  readonly etag: string | undefined;
}

/** What Tailscale thinks of a policy. */
export interface Verdict {
  readonly accepted: boolean;
  /** Tailscale's words; "" when there are none. */
  readonly message: string;
  /** A line for each failed test or warning. */
  readonly details: readonly string[];
}

export interface PolicyApi {
  /** Takes the scope policy_file:read. */
  read(): Promise<LivePolicy>;
  /** Tries a policy and its tests without putting it in force. Takes the scope policy_file:read. */
  validate(text: string): Promise<Verdict>;
  /** Puts a policy in force, if it is still this version that it replaces. @returns false when it is not */
  write(text: string, replaced: LivePolicy): Promise<boolean>;
}

const tokenAnswer = z.object({ access_token: z.string().min(1) });

const verdictAnswer = z.object({
  message: z.string().optional(),
  data: z
    .array(
      z.object({
        user: z.string().optional(),
        errors: z.array(z.string()).nullish(),
        warnings: z.array(z.string()).nullish(),
      }),
    )
    .nullish(),
});

const hujson = "application/hujson";

/** The API for one tailnet. Every call throws a TailscaleError as `ask` does; a token is fetched once. */
export function policyApi(access: TailscaleAccess): PolicyApi {
  let authorization: Promise<string> | undefined;
  const acl = `tailnet/${encodeURIComponent(access.tailnet)}/acl`;
  const headers = async (more: Record<string, string>): Promise<Record<string, string>> => {
    authorization ??= authorize(access);
    return { authorization: await authorization, ...more };
  };
  return {
    async read() {
      const scope = "policy_file:read";
      const request = {
        method: "GET",
        path: acl,
        headers: await headers({ accept: hujson }),
        repeatable: true,
        scope,
      } as const;
      const answer = await ask(access, request);
      return { text: answer.text, etag: answer.headers.get("etag") ?? undefined };
    },
    async validate(text) {
      const sent = await headers({ accept: "application/json", "content-type": hujson });
      const scope = "policy_file:read";
      try {
        const request = {
          method: "POST",
          path: `${acl}/validate`,
          headers: sent,
          body: text,
          repeatable: true,
          scope,
        } as const;
        return readVerdict(await ask(access, request));
      } catch (error) {
        if (!(error instanceof TailscaleError) || error.status !== 400) throw error;
        return { accepted: false, message: error.message, details: [] };
      }
    },
    async write(text, { etag }) {
      const match: Record<string, string> = etag === undefined ? {} : { "if-match": etag };
      const sent = await headers({ accept: hujson, "content-type": hujson, ...match });
      const request = {
        method: "POST",
        path: acl,
        headers: sent,
        body: text,
        repeatable: false,
        scope: "policy_file",
      } as const;
      return (await ask(access, request)).status !== 412;
    },
  };
}

/** The value of the Authorization header; an OAuth client and an identity token are exchanged for a token first. */
export async function authorize(access: TailscaleAccess): Promise<string> {
  const { credential } = access;
  if (credential.kind === "api-key") return `Basic ${Buffer.from(`${credential.key}:`).toString("base64")}`;
  const [path, form] =
    credential.kind === "oauth-client"
      ? [
          "oauth/token",
          { grant_type: "client_credentials", client_id: credential.id, client_secret: credential.secret },
        ]
      : ["oauth/token-exchange", { client_id: credential.id, jwt: credential.token }];
  const headers = { "content-type": "application/x-www-form-urlencoded", accept: "application/json" };
  const body = new URLSearchParams(form).toString();
  const answer = await ask(access, { method: "POST", path, headers, body, repeatable: true, scope: "policy_file" });
  return `Bearer ${parse(tokenAnswer, answer, "the request for a token").access_token}`;
}

/** Status 200 says nothing here: what failed stands in the body. Warnings alone do not refuse. */
function readVerdict(answer: Answer): Verdict {
  const { message = "", data } = parse(verdictAnswer, answer, "the validation of the policy");
  const failed = (data ?? []).flatMap(({ user = "", errors }) => (errors ?? []).map((text) => `${user}: ${text}`));
  const warned = (data ?? []).flatMap(({ user = "", warnings }) => (warnings ?? []).map((text) => `${user}: ${text}`));
  const accepted = message === "" || (failed.length === 0 && warned.length > 0);
  return { accepted, message, details: accepted ? warned : failed };
}

function parse<T>(schema: z.ZodType<T>, { status, text }: Answer, what: string): T {
  const parsed = schema.safeParse(json(text));
  if (parsed.success) return parsed.data;
  throw new TailscaleError(
    `Tailscale answered ${what} (${status}) with something else than documented. Is TAILSCALE_BASE_URL right?`,
    status,
  );
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
