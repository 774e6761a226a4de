/** Whether the cache's port can be connected to. */
import { lookup } from "node:dns/promises";
import { connect } from "node:net";
import { cacheUrl, hostOf, portOf } from "./cache-url.ts";
import { shared } from "../machine.ts";

/** What came of one connection: `open`, or the kernel's word for why not. */
export type Connection = "open" | "refused" | "silent" | "no-route" | { readonly problem: string };

const milliseconds = 3000;

/** The addresses of the cache's host: itself when it is one. Rejects with the resolver's Error. */
export const addresses = shared(async (machine): Promise<readonly string[]> => {
  const found = await lookup(hostOf(await cacheUrl(machine)), { all: true });
  return found.map(({ address }) => address);
});

/** Connects to the cache's port once. Rejects only when there is no address to connect to. */
export const connection = shared(async (machine): Promise<Connection> => {
  const url = await cacheUrl(machine);
  return tryPort(hostOf(url), portOf(url), milliseconds);
});

/** Connects and hangs up. Never rejects. */
export function tryPort(host: string, port: number, timeout: number): Promise<Connection> {
  const { promise, resolve } = Promise.withResolvers<Connection>();
  const socket = connect({ host, port });
  socket.setTimeout(timeout);
  const end = (outcome: Connection): void => {
    socket.destroy();
    resolve(outcome);
  };
  socket.once("connect", () => end("open"));
  socket.once("timeout", () => end("silent"));
  socket.once("error", (error: NodeJS.ErrnoException) => end(outcomeOf(error)));
  return promise;
}

function outcomeOf({ code, message }: NodeJS.ErrnoException): Connection {
  if (code === "ECONNREFUSED") return "refused";
  if (code === "ETIMEDOUT") return "silent";
  return code === "EHOSTUNREACH" || code === "ENETUNREACH" ? "no-route" : { problem: message || (code ?? "unknown") };
}
