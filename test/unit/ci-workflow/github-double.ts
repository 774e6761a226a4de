/** A double of GitHub's REST API: answers by path, as a table says, and notes who asked for what. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON, a string as it is. */
  readonly body?: unknown;
  /** Never answers at all. */
  readonly hang?: boolean;
}

/** The paths below /api/v3, without the query; a list is used up one by one, its last entry stays. */
export type Table = Record<string, Reply | readonly Reply[]>;

export interface GithubDouble {
  readonly baseUrl: string;
  readonly requests: { readonly path: string; readonly token: string | undefined }[];
  close(): Promise<void>;
}

function pathOf({ url = "" }: IncomingMessage): string {
  return url.replace(/\?.*/, "").replace(/^\/api\/v3\//, "");
}

/** Starts the double on a free port of this machine. */
export async function githubDouble(table: Table): Promise<GithubDouble> {
  const requests: { path: string; token: string | undefined }[] = [];
  const seen = new Map<string, number>();
  const server: Server = createServer((request, response) => {
    const path = pathOf(request);
    requests.push({ path, token: request.headers.authorization });
    const entry = table[path] ?? { status: 404, body: { message: "Not Found" } };
    const count = seen.get(path) ?? 0;
    seen.set(path, count + 1);
    const reply = Array.isArray(entry) ? (entry as Reply[])[Math.min(count, entry.length - 1)] : (entry as Reply);
    if (reply === undefined || reply.hang === true) return;
    const isText = typeof reply.body === "string";
    response.writeHead(reply.status ?? 200, {
      "content-type": isText ? "application/vnd.github.raw+json" : "application/json",
      ...reply.headers,
    });
    response.end(isText ? reply.body : JSON.stringify(reply.body ?? {}));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** A public repository on which everything is as it should be. */
export function healthy(overrides: Table = {}): Table {
  return {
    "repos/me/dotfiles": { body: repository() },
    "repos/me/dotfiles/branches/main": { body: { name: "main" } },
    "repos/me/dotfiles/actions/secrets/public-key": { body: { key_id: "1", key: "" } },
    "repos/me/dotfiles/actions/variables": { body: { total_count: 0 } },
    "repos/me/dotfiles/environments": { body: { total_count: 0 } },
    "repos/me/dotfiles/actions/permissions": { body: { enabled: true } },
    "repos/me/dotfiles/actions/oidc/customization/sub": { body: { use_default: true } },
    ...overrides,
  };
}

/** What GitHub says of the repository. */
export function repository(overrides: object = {}): object {
  return {
    id: 4711,
    full_name: "me/dotfiles",
    private: false,
    visibility: "public",
    archived: false,
    owner: { id: 42, login: "me", type: "User" },
    permissions: { admin: true, push: true },
    ...overrides,
  };
}
