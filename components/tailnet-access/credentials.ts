/** How this program and Pulumi's Tailscale provider sign in: the same variables, the same rules. */
import { readFileSync } from "node:fs";

/** Says what was asked of Tailscale and what came instead, and never a credential. */
export class TailscaleError extends Error {
  override readonly name = "TailscaleError";
  /** The answer's HTTP status; undefined where there was no answer. */
  readonly status: number | undefined;
  constructor(message: string, status?: number) {
    super(message);
    this.status = status;
  }
}

/** Who asks. The secret parts go into request headers and bodies and nowhere else. */
export type Credential =
  | { readonly kind: "api-key"; readonly key: string }
  | { readonly kind: "oauth-client"; readonly id: string; readonly secret: string }
  | { readonly kind: "identity-token"; readonly id: string; readonly token: string };

/** Where the API is and who asks. */
export interface TailscaleAccess {
  /** Without a slash at its end. */
  readonly baseUrl: string;
  /** A tailnet's name, or "-" for the credential's own. */
  readonly tailnet: string;
  readonly credential: Credential;
  /** The most that one request may take, in milliseconds. @default 10000 */
  readonly timeoutMs?: number;
  /** The most that all attempts of one request may take together, in milliseconds. @default 60000 */
  readonly patienceMs?: number;
}

/**
 * Reads the variables that the provider reads (terraform-provider-tailscale v0.29.2 tailscale/provider_sdk.go):
 * TAILSCALE_API_KEY, or TAILSCALE_OAUTH_CLIENT_ID with TAILSCALE_OAUTH_CLIENT_SECRET or TAILSCALE_IDENTITY_TOKEN (each
 * also without "TAILSCALE_"); TAILSCALE_BASE_URL, TAILSCALE_TAILNET. A value `file:/PATH` is read from that file.
 *
 * @returns undefined when no credential is set
 * @throws TailscaleError when they contradict each other or are incomplete, as the provider would later on
 */
export function accessFromEnv(env: NodeJS.ProcessEnv): TailscaleAccess | undefined {
  const credential = credentialFromEnv(env);
  if (credential === undefined) return undefined;
  const baseUrl = (setting(env, "TAILSCALE_BASE_URL") ?? "https://api.tailscale.com").replace(/\/+$/, "");
  if (!/^https?:$/.test(URL.parse(baseUrl)?.protocol ?? "")) {
    throw new TailscaleError(`TAILSCALE_BASE_URL: found "${baseUrl}", expected an http or https URL.`);
  }
  return { baseUrl, tailnet: setting(env, "TAILSCALE_TAILNET") ?? "-", credential };
}

/** What to do when there is no credential. */
export const credentialAdvice =
  "Set TAILSCALE_API_KEY, or TAILSCALE_OAUTH_CLIENT_ID and TAILSCALE_OAUTH_CLIENT_SECRET of an OAuth client with the " +
  "scopes policy_file, devices:core:read and devices:posture_attributes.";

function credentialFromEnv(env: NodeJS.ProcessEnv): Credential | undefined {
  const key = setting(env, "TAILSCALE_API_KEY");
  const id = setting(env, "TAILSCALE_OAUTH_CLIENT_ID", "OAUTH_CLIENT_ID");
  const secret = setting(env, "TAILSCALE_OAUTH_CLIENT_SECRET", "OAUTH_CLIENT_SECRET");
  const token = setting(env, "TAILSCALE_IDENTITY_TOKEN", "IDENTITY_TOKEN");
  if (key !== undefined) {
    if ((id ?? secret ?? token) === undefined) return { kind: "api-key", key };
    throw new TailscaleError(
      "TAILSCALE_API_KEY and an OAuth client are both set in the environment. Unset one of them.",
    );
  }
  if ((id ?? secret ?? token) === undefined) return undefined;
  if (id === undefined) throw new TailscaleError("TAILSCALE_OAUTH_CLIENT_ID: not set, though its secret is. Set both.");
  if (secret !== undefined) return { kind: "oauth-client", id, secret };
  if (token !== undefined) return { kind: "identity-token", id, token };
  throw new TailscaleError("TAILSCALE_OAUTH_CLIENT_SECRET: not set, though TAILSCALE_OAUTH_CLIENT_ID is. Set both.");
}

function setting(env: NodeJS.ProcessEnv, ...names: readonly string[]): string | undefined {
  const name = names.find((candidate) => env[candidate] !== undefined && env[candidate] !== "");
  const value = name === undefined ? undefined : env[name];
  if (value?.startsWith("file:") !== true) return value;
  try {
    return readFileSync(value.slice("file:".length), "utf8").trim();
  } catch {
    throw new TailscaleError(`${String(name)}: the file that it names can't be read: ${value.slice("file:".length)}.`);
  }
}
