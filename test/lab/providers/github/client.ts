/** Calls to GitHub's REST API as the real provider makes them (terraform-provider-github v6.13.0 github/config.go). */
import { call, type Answer } from "../shared/http.ts";
import { text, type Bag } from "../shared/wire.ts";

/** An answer from 400 up, worded as go-github does: `METHOD URL: STATUS message [errors]`. */
export class GithubError extends Error {
  readonly status: number;

  constructor(method: string, url: string, answer: Answer) {
    const body = answer.json as { message?: string; errors?: unknown } | undefined;
    const errors = body?.errors === undefined ? "[]" : JSON.stringify(body.errors);
    super(`${method} ${url}: ${answer.status} ${text(body?.message)} ${errors}`);
    this.status = answer.status;
  }
}

/** One request; `path` begins after the API's root, without a slash. */
interface Request {
  method: string;
  path: string;
  body?: unknown;
  signal?: AbortSignal;
}

// Any host but GitHub's own is GitHub Enterprise Server, whose REST API lies under /api/v3/.
function apiRoot(baseUrl: string): string {
  const url = new URL(baseUrl);
  if (url.hostname === "api.github.com") return url.href.replace(/\/?$/, "/");
  if (url.protocol === "http:" || url.protocol === "https:") return new URL("/api/v3/", url).href;
  throw new Error(`github provider: baseUrl must be an http(s) URL, got ${baseUrl}`);
}

// The first that is set; an empty text counts as not set.
function first(...values: (string | undefined)[]): string {
  return values.find((value) => value !== undefined && value !== "") ?? "";
}

/** The API, once configured. */
export class GithubClient {
  readonly #root: string;
  readonly #token: string;
  #owner: string;

  private constructor(config: Bag) {
    const { GITHUB_BASE_URL, GITHUB_TOKEN, GITHUB_ORGANIZATION, GITHUB_OWNER } = process.env;
    this.#root = apiRoot(first(text(config.baseUrl), GITHUB_BASE_URL, "https://api.github.com/"));
    this.#token = first(text(config.token), GITHUB_TOKEN);
    // Order of precedence: `organization`, then the environment, then `owner`.
    this.#owner = first(text(config.organization), GITHUB_ORGANIZATION, GITHUB_OWNER, text(config.owner));
  }

  /** Configures as the real provider: asks who the owner is, so that a wrong token fails here. */
  static async connect(config: Bag): Promise<GithubClient> {
    const client = new GithubClient(config);
    if (client.#owner === "") {
      client.#owner = (await client.json<{ login: string }>({ method: "GET", path: "user" })).login;
      return client;
    }
    const { status } = await client.allow([404], { method: "GET", path: `orgs/${client.#owner}` });
    if (status === 404) await client.request({ method: "GET", path: `users/${client.#owner}` });
    return client;
  }

  /** Path of something in the owner's repository `name` (which may be `owner/name`). */
  repository(name: string, path = ""): string {
    const whole = name.includes("/") ? name : `${this.#owner}/${name}`;
    return `repos/${whole}${path === "" ? "" : `/${path}`}`;
  }

  /** Makes the request; throws GithubError from 400 up. */
  async request(request: Request): Promise<Answer> {
    return this.allow([], request);
  }

  /** Makes the request; the listed statuses are answers and no errors. */
  async allow(statuses: number[], { path, ...request }: Request): Promise<Answer> {
    const url = this.#root + path;
    const headers: Record<string, string> = { accept: "application/vnd.github+json" };
    if (this.#token !== "") headers.authorization = `Bearer ${this.#token}`;
    const answer = await call({ ...request, url, headers });
    if (answer.status < 400 || statuses.includes(answer.status)) return answer;
    throw new GithubError(request.method, url, answer);
  }

  /** Makes the request and gives the body, which must be JSON of the shape that the caller names. */

  async json<Body>(request: Request): Promise<Body> {
    return (await this.request(request)).json as Body;
  }

  /** The same, or undefined for 404. */

  async find<Body>(request: Request): Promise<Body | undefined> {
    const answer = await this.allow([404], request);
    return answer.status === 404 ? undefined : (answer.json as Body);
  }

  /** Number of the repository, which most resources report as repositoryId. */
  async repositoryId(name: string, signal: AbortSignal): Promise<number> {
    return (await this.json<{ id: number }>({ method: "GET", path: this.repository(name), signal })).id;
  }
}

/** Gives the client, or throws when the provider was not configured. */
export type Connection = () => GithubClient;

/** The texts of `names` in a bag, in order; absent ones are empty. */
export function texts(bag: Bag, ...names: string[]): string[] {
  return names.map((name) => text(bag[name]));
}

/** An id made of parts, as the real provider joins them (colons inside a part are doubled). */
export function joinId(...parts: string[]): string {
  return parts.map((part) => part.replaceAll(":", "??")).join(":");
}

/** Timestamps of a secret or variable as outputs. */
export function stamps(found: { created_at?: string; updated_at?: string } | undefined): Bag {
  return { createdAt: found?.created_at ?? "", updatedAt: found?.updated_at ?? "" };
}
