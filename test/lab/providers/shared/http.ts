/** JSON over HTTP with a timeout, for the doubles that speak a service's REST API. */

/** How long one call may take before it fails, in milliseconds. */
const TIMEOUT_MS = 15_000;

/** A call. `body` is sent as it is when it is a text or a form, as JSON otherwise. */
export interface Call {
  method: string;
  url: string;
  headers?: Record<string, string>;
  body?: unknown;
  signal?: AbortSignal;
}

/** An answer of any status; `json` is undefined when the body is no JSON. */
export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  json: unknown;
}

function encode(body: unknown): { text?: string | URLSearchParams; type?: string } {
  if (body === undefined) return {};
  if (typeof body === "string" || body instanceof URLSearchParams) return { text: body };
  return { text: JSON.stringify(body), type: "application/json" };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Makes the call. Throws when nothing answers: one line with the method, the URL and the reason. */
export async function call({ method, url, headers, body, signal }: Call): Promise<Answer> {
  const { text, type } = encode(body);
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const response = await fetch(url, {
      method,
      headers: { ...(type === undefined ? {} : { "content-type": type }), ...headers },
      signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
      redirect: "manual",
      ...(text === undefined ? {} : { body: text }),
    });
    const answer = await response.text();
    return { status: response.status, headers: response.headers, text: answer, json: parse(answer) };
  } catch (error) {
    throw new Error(`${method} ${url}: ${reason(error)}`, { cause: error });
  }
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `no answer within ${TIMEOUT_MS / 1000} s`;
  return error.cause instanceof Error ? error.cause.message : error.message;
}
