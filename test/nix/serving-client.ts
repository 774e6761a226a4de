/** A client that sees what came and whether it came whole. */
import assert from "node:assert/strict";
import { Agent, request, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** What came. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Whether the answer was complete by the rules of HTTP. */
  readonly whole: boolean;
}

/** Asks on a connection of its own; rejects only when no answer begins. */
export function ask(url: string, headers: OutgoingHttpHeaders = {}, method = "GET"): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const agent = new Agent({ keepAlive: false });
  const asked = request(url, { agent, headers, method, timeout: 60_000 }, (response) => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("error", () => undefined);
    response.on("close", () => {
      const { statusCode = 0, headers: got, complete } = response;
      resolve({ status: statusCode, headers: got, body: Buffer.concat(chunks), whole: complete });
    });
  });
  asked.once("timeout", () => asked.destroy(new Error(`${url} gave nothing for a minute`)));
  asked.once("error", reject);
  asked.end();
  return promise;
}

/** Sends `text` as it is, and gives what comes back until the connection ends. */
export function sendRaw(port: number, text: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let got = "";
  const socket = connect(port, "127.0.0.1", () => socket.write(text));
  socket.setTimeout(20_000, () => socket.destroy(new Error("nothing for 20 seconds")));
  socket.setEncoding("latin1");
  socket.on("data", (chunk) => (got += String(chunk)));
  socket.once("error", reject);
  socket.once("close", () => resolve(got));
  return promise;
}

/** Waits for what comes by itself. Fails when it has not come within 15 seconds. */
export async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 150 && !holds(); tries++) await sleep(100);
  assert.ok(holds(), "did not come within 15 seconds");
}
