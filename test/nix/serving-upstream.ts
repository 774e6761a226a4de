/** A double of Harmonia that the tests steer: what it has, how it fails, and what it was asked. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { zstdCompressSync } from "node:zlib";

const alphabet = "0123456789abcdfghijklmnpqrsvwxyz";

/** A path that the upstream serves. */
export interface Served {
  readonly path: string;
  readonly narinfo: string;
  /** The NAR's place, with its query, from the slash on. */
  readonly nar: string;
  readonly bytes: Buffer;
}

/** How NARs are answered. */
export interface Manner {
  /** Drops the connection after this many bytes. */
  dropAfter?: number;
  /** Milliseconds between the two halves of a NAR. */
  pause?: number;
  /** With Content-Length (true) or in chunks. */
  sized?: boolean;
  /** Sent with every NAR. */
  etag?: string;
  cacheControl?: string;
  /** Answers HEAD with 404, as Harmonia does before 3.1. */
  noHead?: boolean;
}

/** Digits of Nix's base 32. */
export function digits(count: number): string {
  return Array.from(randomBytes(count), (byte) => alphabet.charAt(byte & 31)).join("");
}

/** The upstream, on loopback. */
export class Upstream {
  readonly asked: {
    readonly method: string;
    readonly url: string;
    readonly encoding: string;
    readonly http: string;
  }[] = [];
  manner: Manner = {};
  /** Connections that were made to it so far. */
  connections = 0;
  readonly #paths = new Map<string, Served>();
  #server: Server | undefined;
  #port = 0;

  /** `ADDRESS:PORT`. */
  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Starts to listen, again on the same port when it did before. */
  async listen(): Promise<void> {
    const server = createServer((request, response) => void this.#answer(request, response));
    server.on("connection", () => this.connections++);
    this.#server = server.listen(this.#port, "127.0.0.1");
    await once(server, "listening");
    this.#port = (server.address() as AddressInfo).port;
  }

  /** Closes every connection at once. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    server?.close();
    server?.closeAllConnections();
    if (server !== undefined) await once(server, "close");
  }

  /** Adds a path with a NAR that halves when compressed. */
  add(size = 100_000): Served {
    const hash = digits(32);
    const nar = `/nar/${digits(52)}.nar?hash=${hash}`;
    const bytes = Buffer.from(
      randomBytes(Math.ceil(size / 2))
        .toString("hex")
        .slice(0, size),
    );
    const served = { path: `/nix/store/${hash}-x`, narinfo: `/${hash}.narinfo`, nar, bytes };
    this.#paths.set(hash, served);
    return served;
  }

  /** What the garbage collector does. */
  remove({ narinfo }: Served): void {
    this.#paths.delete(narinfo.slice(1, 33));
  }

  /** Has a removed path again. */
  restore(served: Served): void {
    this.#paths.set(served.narinfo.slice(1, 33), served);
  }

  /** How often a NAR was asked for. */
  fills({ nar }: Served): number {
    return this.asked.filter(({ url }) => url === nar).length;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "", headers, httpVersion } = request;
    const encoding = String(headers["accept-encoding"]);
    this.asked.push({ method, url, encoding, http: httpVersion });
    const { pathname, searchParams } = new URL(url, "http://upstream");
    const served = this.#paths.get(searchParams.get("hash") ?? pathname.slice(1, 33));
    if (url === "/nix-cache-info") return void response.end("StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 50\n");
    if (["/metrics", "/", "/health"].includes(url) || /^\/(?:serve|log)\//.test(url))
      return void response.end("private");
    const headless = method === "HEAD" && this.manner.noHead === true;
    if (served?.narinfo === url && !headless)
      return void response.end(`StorePath: ${served.path}\nURL: ${served.nar.slice(1)}\n`);
    if (served?.nar === url) return this.#sendNar(response, served.bytes, encoding === "zstd");
    response.writeHead(404, { "Cache-Control": "no-store" }).end("missed hash");
  }

  async #sendNar(response: ServerResponse, bytes: Buffer, zstd: boolean): Promise<void> {
    const { dropAfter, pause, sized, etag, cacheControl = "max-age=31536000" } = this.manner;
    const body = zstd ? zstdCompressSync(bytes) : bytes;
    response.setHeader("Cache-Control", cacheControl);
    response.setHeader("Content-Type", "application/x-nix-archive");
    if (zstd) response.setHeader("Content-Encoding", "zstd").setHeader("Vary", "accept-encoding");
    else response.setHeader("Accept-Ranges", "bytes");
    if (etag !== undefined) response.setHeader("ETag", etag);
    if (sized ?? !zstd) response.setHeader("Content-Length", body.length);
    if (dropAfter !== undefined) {
      response.write(body.subarray(0, dropAfter), () => setTimeout(() => response.destroy(), 50));
      return;
    }
    const half = body.length >> 1;
    response.write(body.subarray(0, half));
    if (pause !== undefined) await sleep(pause);
    response.end(body.subarray(half));
  }
}
