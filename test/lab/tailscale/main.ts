/** Runs the Tailscale stand-in as a process: `node test/lab/tailscale/main.ts OPTIONS.json`. Prints `{"url"}` when it listens; ends on SIGTERM. */
import { execFile } from "node:child_process";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { promisify } from "node:util";
import { z } from "zod";

import type { Flow } from "./packet-filter.ts";
import { startTailscale } from "./server.ts";

const role = z.enum(["owner", "admin", "it-admin", "network-admin", "billing-admin", "auditor", "member"]);

const optionsFile = z.strictObject({
  port: z.number().int().min(0).max(65535).optional(),
  statePath: z.string(),
  users: z.array(z.strictObject({ login: z.string(), role: role.optional() })),
  devices: z.array(
    z.strictObject({
      id: z.string().optional(),
      name: z.string(),
      addresses: z.array(z.string()),
      user: z.string().optional(),
      tags: z.array(z.string()).optional(),
      os: z.string().optional(),
      ephemeral: z.boolean().optional(),
    }),
  ),
  apiKeys: z.array(z.strictObject({ key: z.string(), user: z.string() })),
  issuers: z.record(z.string(), z.string()).optional(),
  policy: z.string().optional(),
  /** File that gets the list of flows, by rename, whenever it changes. */
  filterPath: z.string().optional(),
  /** Program and arguments, run after each such change; an answer waits for it. */
  filterCommand: z.array(z.string()).min(1).optional(),
});

type OptionsFile = z.output<typeof optionsFile>;

const COMMAND_TIMEOUT_MS = 30_000;

async function publish(flows: readonly Flow[], { filterPath, filterCommand }: OptionsFile): Promise<void> {
  if (filterPath !== undefined) {
    writeFileSync(`${filterPath}.tmp`, `${JSON.stringify(flows, undefined, 2)}\n`);
    renameSync(`${filterPath}.tmp`, filterPath);
  }
  const [program, ...args] = filterCommand ?? [];
  if (program !== undefined) await promisify(execFile)(program, args, { timeout: COMMAND_TIMEOUT_MS });
}

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error("usage: node test/lab/tailscale/main.ts OPTIONS.json");
  process.exit(2);
}
const options = optionsFile.parse(JSON.parse(readFileSync(file, "utf8")));
const tailscale = await startTailscale({ ...options, onPolicy: (flows) => publish(flows, options) });
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => void tailscale.close().then(() => process.exit(0)));
}
console.log(JSON.stringify({ url: tailscale.url }));
