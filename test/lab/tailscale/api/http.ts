import type { IncomingMessage, ServerResponse } from "node:http";

import type { User } from "../policy/tailnet.ts";
import { type ApiKey, authenticate } from "./actor.ts";
import type { Context } from "./context.ts";
import { postTokenExchange } from "./exchange.ts";
import { type Fault, parseFaults, suffer, takeFaults } from "./faults.ts";
import { postToken } from "./oauth.ts";
import { ApiError, type Reply, json, notFound } from "./reply.ts";
import { answer } from "./routes.ts";
import type { Store } from "./store.ts";

/** A call that was made, for a test to look at. */
export interface Call {
  readonly method: string;
  readonly path: string;
  /** 0 when the connection was cut. */
  readonly status: number;
  /** OAuth scopes that the call needs; none for a token. */
  readonly scopes: readonly string[];
}

/** What requests are answered from. */
export interface World {
  readonly store: Store;
  readonly users: readonly User[];
  readonly apiKeys: readonly ApiKey[];
  /** Public keys of issuers, in PEM, by issuer. */
  readonly issuers: Readonly<Record<string, string>>;
  readonly faults: Fault[];
  readonly calls: Call[];
  readonly changed: () => Promise<void>;
}

const MAX_BODY_BYTES = 8 * 1024 * 1024;
const MAX_CALLS = 10_000;

interface Request {
  readonly method: string;
  readonly url: URL;
  readonly headers: Context["headers"];
  readonly body: string;
}

async function readRequest(request: IncomingMessage, url: URL): Promise<Request> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = chunk as Buffer;
    size += bytes.length;
    if (size > MAX_BODY_BYTES) throw new ApiError(413, "request body too large");
    chunks.push(bytes);
  }
  const headers = request.headers as Context["headers"];
  return { method: request.method ?? "GET", url, headers, body: Buffer.concat(chunks).toString("utf8") };
}

/** The lab's own routes, beside the API: faults and calls. */
function control({ method, url, body }: Request, world: World): Reply {
  if (url.pathname === "/_lab/calls" && method === "GET") return json(world.calls);
  if (url.pathname !== "/_lab/faults") throw notFound();
  if (method === "POST") world.faults.push(...parseFaults(body));
  if (method === "DELETE") world.faults.length = 0;
  return json(world.faults);
}

/** @param used gets the scopes that the call turns out to need, whatever becomes of it. */
async function respond(request: Request, world: World, used: Set<string>): Promise<Reply> {
  const { method, url, headers, body } = request;
  const { store, users, apiKeys, issuers, changed } = world;
  if (!url.pathname.startsWith("/api/v2/")) throw notFound();
  const path = url.pathname.slice("/api/v2".length);
  const now = new Date();
  if (path === "/oauth/token" && method === "POST") {
    return postToken({ authorization: headers.authorization, body, store, now });
  }
  if (path === "/oauth/token-exchange" && method === "POST") return postTokenExchange({ body, store, issuers, now });
  const actor = authenticate(headers.authorization, { state: store.state, apiKeys, users, now, used });
  const context = { method, path, query: url.searchParams, headers, body, actor };
  return await answer({ ...context, store, users, now, changed });
}

function failure(error: unknown): Reply {
  if (error instanceof ApiError) return json({ message: error.message }, error.status);
  console.error("tailscale stand-in:", error);
  return json({ message: "internal server error" }, 500);
}

async function reply(incoming: IncomingMessage, world: World): Promise<Reply | "cut"> {
  const url = new URL(incoming.url ?? "/", "http://stand-in");
  if (url.pathname.startsWith("/_lab/")) return control(await readRequest(incoming, url), world);
  const method = incoming.method ?? "GET";
  const scopes = new Set<string>();
  const work = async (): Promise<Reply> => respond(await readRequest(incoming, url), world, scopes);
  const result = (await suffer(takeFaults(world.faults, method, url.pathname))) ?? (await work().catch(failure));
  const status = result === "cut" ? 0 : result.status;
  world.calls.push({ method, path: url.pathname, status, scopes: [...scopes] });
  if (world.calls.length > MAX_CALLS) world.calls.shift();
  return result;
}

/** Answers one request, or cuts its connection. Never rejects. */
export async function handle(incoming: IncomingMessage, response: ServerResponse, world: World): Promise<void> {
  const result = await reply(incoming, world).catch(failure);
  if (result === "cut") incoming.socket.destroy();
  else response.writeHead(result.status, result.headers).end(result.body);
}
