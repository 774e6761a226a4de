import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";

import { type Reply, json } from "./reply.ts";

const match = {
  /** Only requests of this method. */
  method: z.string().optional(),
  /** Only requests whose path contains this text. */
  path: z.string().optional(),
  /** How many requests are hit before the fault is over. Without it: until it is taken away. */
  times: z.number().int().positive().optional(),
};

const fault = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("slow"), milliseconds: z.number().positive(), ...match }),
  z.strictObject({
    kind: z.literal("status"),
    status: z.number().int().min(400).max(599),
    message: z.string().optional(),
    retryAfterSeconds: z.number().int().optional(),
    ...match,
  }),
  z.strictObject({ kind: z.literal("html"), status: z.number().int().min(200).max(599).default(502), ...match }),
  z.strictObject({ kind: z.literal("down"), ...match }),
]);

/** Something that goes wrong on purpose: a slow answer, a failure, a page of HTML, a connection that is cut. */
export type Fault = z.output<typeof fault>;

/** Reads the body of POST /_lab/faults. @throws {z.ZodError} */
export function parseFaults(body: string): Fault[] {
  return z.array(fault).parse(JSON.parse(body));
}

/** Takes the faults that hit a request from the list, counting them down. */
export function takeFaults(faults: Fault[], method: string, path: string): Fault[] {
  const hit = faults.filter(
    (entry) =>
      (entry.method === undefined || entry.method === method) &&
      (entry.path === undefined || path.includes(entry.path)),
  );
  for (const entry of hit) {
    if (entry.times === undefined) continue;
    entry.times -= 1;
    if (entry.times === 0) faults.splice(faults.indexOf(entry), 1);
  }
  return hit;
}

/** What a fault makes of a request: an answer, "cut", or nothing but lost time. */
export async function suffer(faults: readonly Fault[]): Promise<Reply | "cut" | undefined> {
  for (const fault of faults) {
    switch (fault.kind) {
      case "slow":
        await sleep(fault.milliseconds);
        break;
      case "down":
        return "cut";
      case "html": {
        const body = "<!DOCTYPE html><html><body><h1>Bad gateway</h1></body></html>\n";
        return { status: fault.status, headers: { "content-type": "text/html" }, body };
      }
      case "status": {
        const reply = json({ message: fault.message ?? "injected fault" }, fault.status);
        if (fault.retryAfterSeconds === undefined) return reply;
        return { ...reply, headers: { ...reply.headers, "retry-after": String(fault.retryAfterSeconds) } };
      }
    }
  }
  return undefined;
}
