/** One request to Tailscale's API, with limits on every wait. */
import { setTimeout as sleep } from "node:timers/promises";
import { type TailscaleAccess, TailscaleError } from "./credentials.ts";

/** An answer below 400, or one that the caller asked to see. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export interface Request {
  readonly method: "GET" | "POST";
  /** After `/api/v2/`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Whether asking again does no harm after an answer got lost. */
  readonly repeatable: boolean;
  /** The scope that the request takes, for the message when it is missing. */
  readonly scope: string;
}

const attempts = 4;

/**
 * Makes a request; asks again, within the access's patience, when Tailscale limits the rate, and where that does no harm
 * also when it fails or can't be reached.
 *
 * @throws TailscaleError with one message for everything that is not an answer below 400 or 412
 */
export async function ask(access: TailscaleAccess, request: Request): Promise<Answer> {
  const deadline = Date.now() + (access.patienceMs ?? 60_000);
  for (let attempt = 1; ; attempt++) {
    const answer = await attemptOnce(access, request);
    const wait = waitBefore(answer, request, attempt);
    if (wait !== undefined && Date.now() + wait <= deadline) await sleep(wait);
    else if (answer instanceof TailscaleError) throw answer;
    else return checked(access, request, answer);
  }
}

async function attemptOnce(access: TailscaleAccess, request: Request): Promise<Answer | TailscaleError> {
  const { method, path, headers = {}, body } = request;
  const timeoutMs = access.timeoutMs ?? 10_000;
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await fetch(urlOf(access, path), {
      method,
      headers,
      body: body ?? null,
      redirect: "manual",
      signal,
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  } catch (error) {
    return new TailscaleError(
      `${what(access, request)}: ${reason(error, timeoutMs)}. Check the network and TAILSCALE_BASE_URL.`,
    );
  }
}

/** The wait before asking again, in milliseconds; undefined when the answer stands. */
function waitBefore(answer: Answer | TailscaleError, { repeatable }: Request, attempt: number): number | undefined {
  if (attempt >= attempts) return undefined;
  const backoff = 250 * 2 ** attempt;
  if (answer instanceof TailscaleError) return repeatable ? backoff : undefined;
  if (answer.status === 429) return retryAfter(answer.headers) ?? backoff;
  return repeatable && answer.status >= 500 ? backoff : undefined;
}

/** Retry-After in milliseconds: seconds, or a date (RFC 9110, 10.2.3). */
function retryAfter(headers: Headers): number | undefined {
  const value = headers.get("retry-after");
  if (value === null) return undefined;
  const seconds = Number(value);
  const wait = Number.isNaN(seconds) ? Date.parse(value) - Date.now() : seconds * 1000;
  return Number.isNaN(wait) ? undefined : Math.max(0, wait);
}

function checked(access: TailscaleAccess, request: Request, answer: Answer): Answer {
  const { status, headers, text } = answer;
  const isRedirection = status >= 300 && status < 400;
  if (isRedirection || isHtml(answer)) {
    const found = `found a ${isRedirection ? "redirection" : "web page"} (${status}) where Tailscale's API should be`;
    throw new TailscaleError(
      `${what(access, request)}: ${found}. Is TAILSCALE_BASE_URL right, is a proxy in the way?`,
      status,
    );
  }
  if (status < 300 || status === 412) return answer;
  throw new TailscaleError(
    `${what(access, request)}: ${meaning(status, headers, messageOf(text), request.scope)}`,
    status,
  );
}

function meaning(status: number, headers: Headers, message: string, scope: string): string {
  const said = message === "" ? `(${status})` : `(${status}, "${message}")`;
  if (status === 401)
    return `Tailscale refused the credential ${said}. Is it expired, revoked, or of another tailnet? See the TAILSCALE_ variables.`;
  if (status === 403)
    return `Tailscale refused ${said}. The credential needs the scope ${scope}, or an admin's rights.`;
  if (status === 404) return `there is no such thing ${said}. Are TAILSCALE_TAILNET and TAILSCALE_BASE_URL right?`;
  if (status === 429) return `Tailscale limits the rate ${said}. Try again ${inSeconds(headers)}.`;
  if (status >= 500) return `Tailscale failed ${said}. Try again later; status.tailscale.com may know more.`;
  return `Tailscale refused ${said}.`;
}

function inSeconds(headers: Headers): string {
  const wait = retryAfter(headers);
  return wait === undefined ? "later" : `in ${Math.ceil(wait / 1000)} s`;
}

/** The message in an error's body, or nothing: an answer that is not Tailscale's is not quoted. */
function messageOf(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === "string" ? message.slice(0, 500) : "";
  } catch {
    return "";
  }
}

function isHtml({ headers, text }: Answer): boolean {
  return headers.get("content-type")?.includes("text/html") === true || text.trimStart().startsWith("<");
}

function urlOf({ baseUrl }: TailscaleAccess, path: string): string {
  return `${baseUrl}/api/v2/${path}`;
}

/** The request as messages name it; a base URL may hold a password, so only the host is shown. */
function what(access: TailscaleAccess, { method, path }: Request): string {
  return `${method} ${URL.parse(access.baseUrl)?.host ?? ""}/api/v2/${path}`;
}

function reason(error: unknown, timeoutMs: number): string {
  if (error instanceof Error && error.name === "TimeoutError") return `no answer within ${timeoutMs / 1000} s`;
  // Not fetch's own message: it quotes a header that it does not like, credential and all.
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : undefined;
  return cause === undefined ? "the request could not be made" : cause.message || cause.name;
}
