/** What a Tailscale credential may do, held against what this stack does with it. */
import { z } from "zod";
import type { StackConfig } from "../../components/config.ts";
import type { TailscaleAccess } from "../../components/tailnet-access/credentials.ts";
import { ask } from "../../components/tailnet-access/request.ts";
import { failure, ok, skipped, type Verdict } from "../../nix/cachectl/doctor/finding.ts";

const tokenSchema = z.object({ scope: z.string().optional() });

/**
 * The scopes of a token for the credential, as the answer to the request for one names them; undefined for an API key,
 * which may do what its user may, and where the answer names none. Rejects with a TailscaleError.
 */
export async function grantedScopes(access: TailscaleAccess): Promise<readonly string[] | undefined> {
  const { credential } = access;
  if (credential.kind === "api-key") return undefined;
  const client = { client_id: credential.id };
  const [path, form] =
    credential.kind === "oauth-client"
      ? ["oauth/token", { ...client, grant_type: "client_credentials", client_secret: credential.secret }]
      : ["oauth/token-exchange", { ...client, jwt: credential.token }];
  const headers = { "content-type": "application/x-www-form-urlencoded", accept: "application/json" };
  const body = new URLSearchParams(form).toString();
  const answer = await ask(access, { method: "POST", path, headers, body, repeatable: true, scope: "policy_file" });
  const { scope = "" } = tokenSchema.parse(JSON.parse(answer.text));
  return scope === "" ? undefined : scope.split(" ");
}

/** See the table in components/tailnet-access/tailnet-access.md. */
export function neededScopes({ ci, tailnet }: Pick<StackConfig, "ci" | "tailnet">): readonly string[] {
  return [
    "policy_file",
    tailnet.tagServer ? "devices:core" : "devices:core:read",
    "devices:posture_attributes",
    ...(ci.enabled ? [ci.auth === "oauth-client" ? "oauth_keys" : "federated_keys"] : []),
  ];
}

/** `granted`: undefined where it can't be known without trying. */
export function judgeScopes(granted: readonly string[] | undefined, needed: readonly string[], mend: string): Verdict {
  if (granted === undefined)
    return skipped("the credential does not tell its scopes; an API key may do what its user may");
  const missing = needed.filter((scope) => !includes(granted, scope));
  return missing.length === 0
    ? ok(needed.join(", "))
    : failure(`the credential lacks the scope ${missing.join(", ")}`, mend);
}

/** A scope takes in its own reading half, and `all` everything (tailscale.com/kb/1215/oauth-clients, "Scopes"). */
function includes(granted: readonly string[], scope: string): boolean {
  const whole = scope.replace(/:read$/, "");
  return (
    granted.includes("all") ||
    granted.includes(scope) ||
    granted.includes(whole) ||
    (whole !== scope && granted.includes("all:read"))
  );
}
