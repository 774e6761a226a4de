import { getAcl, postAcl, validateAcl } from "./acl.ts";
import type { Context } from "./context.ts";
import { getDevice, listDevices, postDeviceTags } from "./devices.ts";
import { createKey, deleteKey, getKey, listKeys, putKey } from "./keys.ts";
import { type Reply, notFound } from "./reply.ts";

type Handler = (context: Context, id: string) => Reply | Promise<Reply>;

/** The calls that the stand-in answers; the one group of a pattern is an id. Any name is taken for the tailnet's. */
const ROUTES: readonly (readonly [method: string, path: RegExp, handler: Handler])[] = [
  ["GET", /^\/tailnet\/[^/]+\/acl$/, getAcl],
  ["POST", /^\/tailnet\/[^/]+\/acl$/, postAcl],
  ["POST", /^\/tailnet\/[^/]+\/acl\/validate$/, validateAcl],
  ["GET", /^\/tailnet\/[^/]+\/keys$/, listKeys],
  ["POST", /^\/tailnet\/[^/]+\/keys$/, createKey],
  ["GET", /^\/tailnet\/[^/]+\/keys\/([^/]+)$/, getKey],
  ["PUT", /^\/tailnet\/[^/]+\/keys\/([^/]+)$/, putKey],
  ["DELETE", /^\/tailnet\/[^/]+\/keys\/([^/]+)$/, deleteKey],
  ["GET", /^\/tailnet\/[^/]+\/devices$/, listDevices],
  ["GET", /^\/device\/([^/]+)$/, getDevice],
  ["POST", /^\/device\/([^/]+)\/tags$/, postDeviceTags],
];

/** Answers an authenticated request. @throws {ApiError} */
export async function answer(context: Context): Promise<Reply> {
  for (const [method, pattern, handler] of ROUTES) {
    const found = pattern.exec(context.path);
    if (found !== null && method === context.method) return await handler(context, decodeURIComponent(found[1] ?? ""));
  }
  throw notFound();
}
