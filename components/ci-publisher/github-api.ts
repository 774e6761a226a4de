/** Reading GitHub's REST API, with a limit on every wait and no token in any message. */
import { setTimeout as sleep } from "node:timers/promises";
import type { z } from "zod";

/** Where the API is and who asks. */
export interface GithubAccess {
  /** A personal access token or an app's; it goes into one header and nowhere else. */
  readonly token: string;
  /** As the provider takes it from GITHUB_BASE_URL. @default "https://api.github.com/" */
  readonly baseUrl?: string | undefined;
  /** The most that one request may take, in milliseconds. @default 10000 */
  readonly timeoutMs?: number;
  /** The pause before another attempt, in milliseconds; the second is twice as long. @default 500 */
  readonly pauseMs?: number;
}

/** An answer of any status below 500; redirects are not followed. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Says what was asked of GitHub and what came instead. */
export class GithubError extends Error {
  override readonly name = "GithubError";
}

/**
 * The REST API's root for a base URL, as integrations/terraform-provider-github works it out (github/config.go): a
 * host that is not GitHub's own is an Enterprise Server, whose API is under /api/v3.
 */
export function apiRoot(baseUrl = "https://api.github.com/"): string {
  const url = URL.parse(baseUrl);
  if (url === null) throw new GithubError(`GITHUB_BASE_URL: found "${baseUrl}", expected a URL`);
  const base = `${url.origin}${url.pathname}`.replace(/\/+$/, "");
  if (url.hostname === "github.com") return "https://api.github.com";
  if (url.hostname === "api.github.com" || url.hostname.endsWith(".ghe.com") || base.endsWith("/api/v3")) return base;
  return `${base}/api/v3`;
}

const attempts = 3;

/** The wait before another attempt, in milliseconds; undefined when the answer stands. */
function retryAfter({ status, headers }: Answer, attempt: number, pauseMs: number): number | undefined {
  if (attempt >= attempts || (status !== 429 && status < 500)) return undefined;
  const asked = Number(headers.get("retry-after") ?? Number.NaN);
  if (Number.isNaN(asked)) return pauseMs * attempt;
  return asked <= 10 ? asked * 1000 : undefined;
}

/** Why a request got no answer at all, without what fetch wraps around it. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return "no answer in time";
  return error.cause instanceof Error ? error.cause.message || String(error.cause) : error.message;
}

/**
 * Gets a path below the API's root. Tries again, up to three times, where no answer came, the server failed, or it
 * asked to wait for at most ten seconds.
 *
 * @throws GithubError when there is no answer, the token is refused, or GitHub fails or limits the rate
 */
export async function get(access: GithubAccess, path: string, accept = "application/vnd.github+json"): Promise<Answer> {
  const url = `${apiRoot(access.baseUrl)}/${path}`;
  const { timeoutMs = 10_000, pauseMs = 500 } = access;
  const headers = { accept, authorization: `Bearer ${access.token}`, "x-github-api-version": "2022-11-28" };
  for (let attempt = 1; ; attempt++) {
    try {
      const signal = AbortSignal.timeout(timeoutMs);
      const response = await fetch(url, { headers, redirect: "manual", signal });
      const answer = { status: response.status, headers: response.headers, text: await response.text() };
      const wait = retryAfter(answer, attempt, pauseMs);
      if (wait === undefined) return refuse(url, answer);
      await sleep(wait);
    } catch (error) {
      if (error instanceof GithubError) throw error;
      if (attempt >= attempts) {
        throw new GithubError(`GET ${url}: ${reason(error)}. Check the network and GITHUB_BASE_URL, then try again.`);
      }
      await sleep(pauseMs * attempt);
    }
  }
}

/** Lets an answer pass that says something about the repository, and throws one that says something about us. */
function refuse(url: string, answer: Answer): Answer {
  const { status, headers } = answer;
  if (status === 401)
    throw new GithubError(`GET ${url}: GitHub refused the token (401). Set GITHUB_TOKEN to a valid one.`);
  if (status === 429 || (status === 403 && headers.get("x-ratelimit-remaining") === "0")) {
    const wait = headers.get("retry-after");
    throw new GithubError(
      `GET ${url}: GitHub's rate limit is used up (${status}). Try again ${wait === null ? "later" : `in ${wait} s`}.`,
    );
  }
  if (status >= 500) throw new GithubError(`GET ${url}: GitHub failed (${status}). Try again later.`);
  return answer;
}

/** Reads an answer's JSON. @throws GithubError when it is something else, such as a proxy's page */
export function parse<T>(schema: z.ZodType<T>, { status, text }: Answer, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new GithubError(`${what}: found no JSON in GitHub's answer (${status}). Is GITHUB_BASE_URL right?`);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const fields = parsed.error.issues.map(({ path }) => path.join(".") || "all of it").join(", ");
    throw new GithubError(
      `${what}: GitHub's answer (${status}) is not as documented: ${fields}. Is GITHUB_BASE_URL right?`,
    );
  }
  return parsed.data;
}
