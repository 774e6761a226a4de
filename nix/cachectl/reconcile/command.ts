import { randomBytes } from "node:crypto";
import type { Command, Invocation } from "../lib/command.ts";
import { Queue } from "../queue/queue.ts";
import { tools } from "../upload/tools.ts";
import { findUnsent, livePaths } from "./reconcile.ts";

export const command: Command = {
  summary: "queue what was built on this machine while the hook was absent",
  usage: "reconcile [--dry-run] [--json]",
  options: { "dry-run": { type: "boolean" } },
  run,
};

async function run({ paths, env, stdout, stderr, stop, options }: Invocation): Promise<number> {
  const { settings, key, store, env: toolEnv } = tools(paths, env, stop);
  const queue = new Queue(paths);
  const dry = options["dry-run"] === true;
  if (!dry) queue.prepare();
  const { waiting, arrived } = queue.snapshot();
  const ids = [...waiting.map(({ id }) => id), ...arrived];
  const queued = new Set(ids.flatMap((id) => queue.peek(id)?.paths ?? []));
  const found: string[] = [];
  const sources = {
    live: () => livePaths(toolEnv, stop),
    describe: store.describe.bind(store),
    queued: (path: string) => queued.has(path),
    knownKeys: [key.name, ...settings.upstreamKeys],
    stop,
  };
  await findUnsent(sources, (unsent) => {
    found.push(...unsent);
    stderr.write(`cachectl: ${found.length} found\n`);
    if (!dry) for (const path of unsent) queue.add(entryName(path), { paths: [path] });
  });
  if (!dry && found.length > 0) queue.askForRetry();
  if (options.json === true) stdout.write(`${JSON.stringify({ queued: !dry, paths: found })}\n`);
  else stdout.write(describe(found, dry));
  return 0;
}

/** As the hook names its entries, with chance in the place of the process number. */
function entryName(path: string): string {
  return `${path.slice("/nix/store/".length).slice(0, 32)}-r${randomBytes(4).toString("hex")}`;
}

function describe(found: readonly string[], dry: boolean): string {
  if (found.length === 0) return "everything that was built here and is alive was sent, or waits already\n";
  const list = dry ? `${found.join("\n")}\n` : "";
  return `${list}${found.length} paths ${dry ? "would be queued; queue them: cachectl reconcile" : "queued; see cachectl queue"}\n`;
}
