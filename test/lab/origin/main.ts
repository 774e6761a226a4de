/**
 * The lab's double of Harmonia (nix-community/harmonia 3.x, harmonia-cache): the routes, headers, settings and signatures
 * that clients and nginx meet. What it serves beyond the cache is there so that nginx has something to hide. It's no
 * measure of Harmonia's speed.
 *
 *     CONFIG_FILE=harmonia.toml SIGN_KEY_PATHS="KEY…" node main.ts
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { pipeline } from "node:stream";
import { constants, createZstdCompress } from "node:zlib";
import { narinfo, narPlace, readSecretKey } from "./narinfo.ts";
import { readSettings } from "./settings.ts";
import { Store, type PathInfo } from "./store.ts";

const settings = readSettings(process.env);
const keys = settings.secretKeys.map(readSecretKey);
const store = new Store(settings.realStore, settings.database);

const server = createServer((request, response) => {
  try {
    answer(request, response);
  } catch (error) {
    console.error(error);
    text(response, 500, "text/plain", "Internal Server Error");
  }
});

function answer(request: IncomingMessage, response: ServerResponse): void {
  if (request.method !== "GET" && request.method !== "HEAD") {
    text(response, 404, "text/plain", "");
    return;
  }
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://cache");
  if (pathname === "/nix-cache-info") {
    text(response, 200, "text/x-nix-cache-info", cacheInfo());
    return;
  }
  const [, hash = ""] = /^\/([0-9a-z]{32})\.narinfo$/.exec(pathname) ?? [];
  if (hash !== "") {
    answerNarinfo(response, store.find(hash));
    return;
  }
  if (pathname.startsWith("/nar/")) {
    answerNar(request, response, store.find(searchParams.get("hash") ?? ""));
    return;
  }
  const page = /^\/(?:|metrics|health|version|(?:serve|log)\/.+|[0-9a-z]{32}\.ls)$/.test(pathname);
  text(response, page ? 200 : 404, "text/html; charset=utf-8", page ? `the double of Harmonia: ${pathname}\n` : "");
}

function cacheInfo(): string {
  return `StoreDir: /nix/store\nWantMassQuery: 1\nPriority: ${settings.priority}\n`;
}

function answerNarinfo(response: ServerResponse, info: PathInfo | undefined): void {
  if (info === undefined) {
    missed(response, "missed hash");
    return;
  }
  response.setHeader("Nix-Link", narPlace(info));
  response.setHeader("Cache-Control", "max-age=86400");
  text(response, 200, "text/x-nix-narinfo", narinfo(info, keys));
}

function answerNar(
  { method, url, headers }: IncomingMessage,
  response: ServerResponse,
  info: PathInfo | undefined,
): void {
  if (info === undefined) {
    missed(response, "store path not found");
    return;
  }
  if (url !== `/${narPlace(info)}`) {
    missed(response, "hash mismatch detected");
    return;
  }
  const zstd = settings.enableCompression && /(^|[,\s])zstd\s*(,|$)/.test(headers["accept-encoding"] ?? "");
  response.writeHead(200, {
    "Content-Type": "application/x-nix-archive",
    "Cache-Control": "max-age=31536000",
    ...(zstd
      ? { "Content-Encoding": "zstd", Vary: "accept-encoding" }
      : { "Content-Length": info.narSize, "Accept-Ranges": "bytes" }),
  });
  if (method === "HEAD") return void response.end();
  const ended = (error: Error | null | undefined): void => {
    if (error != null) console.error(`${info.path}: ${error.message}`);
  };
  const nar = store.dump(info.path);
  if (!zstd) return void pipeline(nar, response, ended);
  const level = { [constants.ZSTD_c_compressionLevel]: 1 };
  pipeline(nar, createZstdCompress({ params: level, pledgedSrcSize: info.narSize }), response, ended);
}

function missed(response: ServerResponse, body: string): void {
  response.setHeader("Cache-Control", "no-store");
  text(response, 404, "text/plain", body);
}

function text(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { "Content-Type": type, "Content-Length": Buffer.byteLength(body) });
  response.end(body);
}

process.once("SIGTERM", () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
  setTimeout(() => process.exit(0), 2000).unref();
});
server.keepAliveTimeout = 30_000;
server.listen(settings.port, settings.host === "" ? undefined : settings.host, () => {
  console.log(`the double of Harmonia listens on ${settings.host}:${settings.port}`);
});
