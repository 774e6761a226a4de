/** Calls to Tailscale's API, authenticated the way the real provider does (tailscale-client-go-v2, provider_sdk.go). */
import { readFileSync } from "node:fs";
import { call, type Answer } from "../shared/http.ts";
import type { Bag } from "../shared/wire.ts";

/** Which credential to use, from the provider's arguments or, where absent, the environment. */
interface Credentials {
  apiKey: string;
  oauthClientId: string;
  oauthClientSecret: string;
  identityToken: string;
  audience: string;
}

/** A value of the provider's arguments, else of the first environment variable set; `file:/path` is read. */
function setting(config: Bag, name: string, ...variables: string[]): string {
  const given = config[name];
  const found = typeof given === "string" && given !== "" ? given : variables.map((v) => process.env[v]).find(Boolean);
  const value = found ?? "";
  return value.startsWith("file:") ? readFileSync(value.slice("file:".length), "utf8").trim() : value;
}

// Messages of validateProviderCreds (terraform-provider-tailscale tailscale/provider_sdk.go).
function checkCredentials({ apiKey, oauthClientId, oauthClientSecret, identityToken, audience }: Credentials): void {
  const oauth = [oauthClientId, oauthClientSecret, identityToken, audience].some((value) => value !== "");
  if (apiKey === "" && !oauth) {
    throw new Error(
      "Provider credentials error: tailscale provider credentials are empty - set `api_key` or 'oauth_client_id' and one of 'oauth_client_secret', 'identity_token', or 'audience'",
    );
  }
  if (apiKey !== "" && oauth) {
    throw new Error(
      "Provider credentials error: tailscale provider credentials are conflicting - `api_key` conflicts with 'oauth_client_id', 'oauth_client_secret', 'identity_token', and 'audience'",
    );
  }
  if (audience !== "" && (oauthClientSecret !== "" || identityToken !== "")) {
    throw new Error(
      "Provider credentials error: tailscale provider argument 'audience' conflicts with 'oauth_client_secret' and 'identity_token'",
    );
  }
  if (apiKey === "" && oauthClientId === "") {
    throw new Error("Provider credentials error: tailscale provider argument 'oauth_client_id' is empty");
  }
  if (apiKey === "" && oauthClientSecret === "" && identityToken === "") {
    throw new Error(
      "Provider credentials error: one of tailscale provider arguments 'oauth_client_secret', 'identity_token', or 'audience' are mandatory with 'oauth_client_id'",
    );
  }
}

/** One request; `path` begins after `/api/v2/`, with `tailnet/-/` for what belongs to the tailnet. */
interface Request {
  method: string;
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** The API, once configured. */
export class TailscaleClient {
  readonly #base: string;
  readonly #tailnet: string;
  readonly #credentials: Credentials;
  #bearer: Promise<string> | undefined;

  /** Throws when the credentials are missing or contradict each other. */
  constructor(config: Bag) {
    this.#base = setting(config, "baseUrl", "TAILSCALE_BASE_URL") || "https://api.tailscale.com";
    this.#tailnet = setting(config, "tailnet", "TAILSCALE_TAILNET") || "-";
    this.#credentials = {
      apiKey: setting(config, "apiKey", "TAILSCALE_API_KEY"),
      oauthClientId: setting(config, "oauthClientId", "TAILSCALE_OAUTH_CLIENT_ID", "OAUTH_CLIENT_ID"),
      oauthClientSecret: setting(config, "oauthClientSecret", "TAILSCALE_OAUTH_CLIENT_SECRET", "OAUTH_CLIENT_SECRET"),
      identityToken: setting(config, "identityToken", "TAILSCALE_IDENTITY_TOKEN", "IDENTITY_TOKEN"),
      audience: setting(config, "audience", "TAILSCALE_AUDIENCE"),
    };
    checkCredentials(this.#credentials);
  }

  /** Path of something that belongs to the tailnet. */
  tailnet(path: string): string {
    return `tailnet/${this.#tailnet}/${path}`;
  }

  /** Makes the request; throws `message (status)` for a status from 400, as tailscale-client-go-v2 words it. */
  async request({ path, headers, ...request }: Request): Promise<Answer> {
    const authorization = await this.#authorization();
    const url = `${this.#base}/api/v2/${path}`;
    const answer = await call({ ...request, url, headers: { authorization, ...headers } });
    if (answer.status < 400) return answer;
    throw new ApiError(answer);
  }

  async #authorization(): Promise<string> {
    const { apiKey } = this.#credentials;
    if (apiKey !== "") return `Basic ${Buffer.from(`${apiKey}:`).toString("base64")}`;
    this.#bearer ??= this.#token();
    return `Bearer ${await this.#bearer}`;
  }

  async #token(): Promise<string> {
    const { oauthClientId, oauthClientSecret, identityToken } = this.#credentials;
    const exchange = oauthClientSecret === "";
    const form: Record<string, string> = exchange
      ? { client_id: oauthClientId, jwt: identityToken }
      : { grant_type: "client_credentials", client_id: oauthClientId, client_secret: oauthClientSecret };
    const url = `${this.#base}/api/v2/oauth/${exchange ? "token-exchange" : "token"}`;
    const answer = await call({ method: "POST", url, body: new URLSearchParams(form) });
    const token = (answer.json as { access_token?: unknown } | undefined)?.access_token;
    if (answer.status >= 400 || typeof token !== "string") throw new ApiError(answer);
    return token;
  }
}

/** An answer from 400 up. */
export class ApiError extends Error {
  readonly status: number;

  constructor(answer: Answer) {
    const body = answer.json as { message?: unknown } | undefined;
    // The real client decodes every error body as JSON and fails on anything else.
    const message = typeof body?.message === "string" ? body.message : `unexpected body ${answer.text.slice(0, 200)}`;
    super(`${message} (${answer.status})`);
    this.status = answer.status;
  }
}
