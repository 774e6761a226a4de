/**
 * A stand-in of GitHub's REST API, a double for the lab: the calls that this project and the provider make, under
 * `/api/v3/` as on GitHub Enterprise Server, over plain HTTP on the loopback interface.
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import sodium from "libsodium-wrappers";
import { commitTo } from "./commits.ts";
import { notFound, Refusal, timestamp, type Reply } from "./exchange.ts";
import { routes } from "./repository-routes.ts";
import { Store, type Fault, type GithubState, type Repository, type Token } from "./state.ts";
import { newVault } from "./vault.ts";

/** A repository to begin with. */
export interface RepositoryOptions {
  /** owner/name */
  fullName: string;
  /** Default: false. */
  private?: boolean;
  /** Default: "main". */
  defaultBranch?: string;
  /** Whether OIDC subjects hold ids (repositories made after 2026-07-15). Default: false. */
  immutableSubject?: boolean;
}

/** Options; all but `port` count only when the state's file does not exist yet. */
export interface GithubOptions {
  /** 0: any free one. */
  port: number;
  /** The JSON file that holds everything; mode 0600. */
  statePath: string;
  /** Token → what it may do. */
  tokens: Record<string, Token>;
  repositories: RepositoryOptions[];
  /** Default: "pro". */
  plan?: GithubState["plan"];
}

/** The running stand-in: `url` is what GITHUB_BASE_URL is set to, with a slash. */
export interface Github {
  url: string;
  close(): Promise<void>;
}

const API = "/api/v3/";
/** Where tests set faults; no part of GitHub's API. */
const FAULTS = "/lab/faults";
const MAX_BODY_BYTES = 8 * 1024 * 1024;
const FIRST_ID = 100_000;

// The state holds no token in clear.
function hash(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

function newRepository(options: RepositoryOptions, id: number): Repository {
  const [owner = "", name = ""] = options.fullName.split("/");
  const repository: Repository = {
    ...newVault(),
    ...{ id, owner, name, private: options.private ?? false, created: timestamp() },
    defaultBranch: options.defaultBranch ?? "main",
    subject: { claims: null, immutable: options.immutableSubject ?? false },
    ...{ environments: {}, branches: {}, commits: {}, blobs: {}, pulls: [] },
  };
  commitTo(repository, repository.defaultBranch, {}, "Initial commit");
  return repository;
}

function initialState(options: GithubOptions): GithubState {
  const hashed = Object.fromEntries(Object.entries(options.tokens).map(([token, may]) => [hash(token), may]));
  const made = options.repositories.map((each, index) => [each.fullName, newRepository(each, FIRST_ID + index)]);
  return {
    ...{ plan: options.plan ?? "pro", ownerId: 4242, nextId: FIRST_ID + 1000, tokens: hashed },
    ...{ repositories: Object.fromEntries(made) as Record<string, Repository>, faults: [], requests: [] },
  };
}

async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Refusal(413, "Payload too large");
    chunks.push(chunk);
  }
  if (size === 0) return {};
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8")) as Record<string, unknown>;
  } catch {
    throw new Refusal(400, "Problems parsing JSON");
  }
}

function authenticate(request: IncomingMessage, state: GithubState): Token {
  const [, given] = /^(?:token|bearer) (.+)$/i.exec(request.headers.authorization ?? "") ?? [];
  if (given === undefined) throw new Refusal(401, "Requires authentication");
  const token = state.tokens[hash(given)];
  if (token === undefined) throw new Refusal(401, "Bad credentials");
  return token;
}

async function injectFault(state: GithubState, method: string, path: string): Promise<void> {
  const fault = state.faults.find(
    (each) => each.times > 0 && each.method === method && new RegExp(each.path).test(path),
  );
  if (fault === undefined) return;
  fault.times -= 1;
  if (fault.delayMs !== undefined) await sleep(fault.delayMs);
  throw new Refusal(fault.status, fault.message ?? "Injected by the lab");
}

interface Call {
  request: IncomingMessage;
  response: ServerResponse;
  url: URL;
  store: Store;
}

async function reply({ request, response, url, store }: Call): Promise<Reply> {
  const method = request.method ?? "GET";
  if (url.pathname === FAULTS && method === "PUT") {
    store.state.faults = (await readBody(request)).faults as Fault[];
    return { status: 204 };
  }
  if (!url.pathname.startsWith(API)) throw notFound();
  const path = url.pathname.slice(API.length);
  const token = authenticate(request, store.state);
  // Classic tokens' scopes come with every answer.
  response.setHeader("x-oauth-scopes", token.scopes.join(", "));
  const body = await readBody(request);
  await injectFault(store.state, method, path);
  const parts = path.split("/").map(decodeURIComponent);
  const found = routes({ method, parts, query: url.searchParams, body, token, store, root: new URL(API, url).href });
  if (found === undefined) throw notFound();
  return found;
}

async function handle(request: IncomingMessage, response: ServerResponse, store: Store): Promise<void> {
  const url = new URL(request.url ?? "/", `http://${request.headers.host ?? "localhost"}`);
  let answer: Reply;
  try {
    answer = await reply({ request, response, url, store });
  } catch (error) {
    answer = error instanceof Refusal ? error.reply : { status: 500, body: { message: String(error) } };
  }
  store.state.requests.push(`${request.method ?? ""} ${url.pathname} → ${answer.status}`);
  store.save();
  response.writeHead(answer.status, { "content-type": "application/json; charset=utf-8" });
  response.end(answer.body === undefined ? undefined : JSON.stringify(answer.body));
}

/** Starts it; an existing state file is taken up as it is. */
export async function startGithub(options: GithubOptions): Promise<Github> {
  await sodium.ready;
  const store = new Store(options.statePath, initialState(options));
  store.save();
  const server: Server = createServer((request, response) => void handle(request, response, store));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
