/** A request to the stand-in and the ways to answer it, in GitHub's JSON form. */
import type { Repository, Store, Token } from "./state.ts";

/** One request, after authentication. */
export interface Exchange {
  method: string;
  /** Path after the API's root, without a slash at either end, decoded part by part. */
  parts: string[];
  query: URLSearchParams;
  body: Record<string, unknown>;
  token: Token;
  store: Store;
  /** URL of the API's root, with its slash. */
  root: string;
}

/** A request about one repository; `parts` begins after owner/name. */
export interface RepositoryExchange extends Exchange {
  repository: Repository;
}

/** What is answered: status and JSON body (none for 204). */
export interface Reply {
  status: number;
  body?: unknown;
}

const DOCUMENTATION = "https://docs.github.com/rest";

/** An answer from 400 up, thrown from wherever it is found out. */
export class Refusal extends Error {
  readonly reply: Reply;

  constructor(status: number, message: string, errors?: unknown[]) {
    super(message);
    const body = { message, ...(errors === undefined ? {} : { errors }), documentation_url: DOCUMENTATION };
    this.reply = { status, body: { ...body, status: String(status) } };
  }
}

/** 404, which GitHub also answers where the token may not know of the thing. */
export function notFound(): Refusal {
  return new Refusal(404, "Not Found");
}

/** The thing, or 404. */
export function existing<T>(thing: T | undefined): T {
  if (thing === undefined) throw notFound();
  return thing;
}

/** A text of the body; 422 when it is no text, unless there is a fallback. */
export function textOf(body: Record<string, unknown>, name: string, fallback?: string): string {
  const value = body[name] ?? fallback;
  if (typeof value === "string") return value;
  throw new Refusal(422, `Invalid request.\n\n"${name}" wasn't supplied.`);
}

/** 403 unless the token has the scope. */
export function requireScope(token: Token, scope: string): void {
  if (!token.scopes.includes(scope)) throw new Refusal(403, "Resource not accessible by personal access token");
}

/** The time as GitHub writes it, to the second. */
export function timestamp(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, "Z");
}
