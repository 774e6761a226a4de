import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Command, Invocation } from "../lib/command.ts";
import { tryLock } from "../lib/lock.ts";
import { Queue } from "../queue/queue.ts";
import { Server } from "./server.ts";
import { tools } from "./tools.ts";
import { upload, type UploadResult, type UploadRun } from "./upload.ts";

/** Something still waits: EX_TEMPFAIL of sysexits.h. */
const waits = 75;

export const command: Command = {
  summary: "send what waits in the queue to the server, as far as it goes now",
  usage: "upload [--json]   (exit status: 0 the queue is empty, 75 something waits, 1 this machine's setup is wrong)",
  run,
};

async function run({ paths, env, stdout, stderr, stop, options }: Invocation): Promise<number> {
  const say = (line: string): void => void stderr.write(`cachectl: ${line}\n`);
  mkdirSync(paths.state, { recursive: true, mode: 0o755 });
  const lock = tryLock(join(paths.state, "upload.lock"));
  if (lock === undefined) {
    say("another uploader is at work");
    return 0;
  }
  try {
    const connect = (): ReturnType<UploadRun["connect"]> => connection({ paths, env, stop });
    const result = await upload({ queue: new Queue(paths), stateFolder: paths.state, connect, say, stop });
    if (options.json === true) stdout.write(`${JSON.stringify(result)}\n`);
    else if (result.uploaded + result.skipped + result.rejected + result.waiting > 0) say(describe(result));
    return result.waiting > 0 ? waits : 0;
  } finally {
    lock.release();
  }
}

function connection({
  paths,
  env,
  stop,
}: Pick<Invocation, "paths" | "env" | "stop">): ReturnType<UploadRun["connect"]> {
  const { settings, key, store, ssh, env: toolEnv } = tools(paths, env, stop);
  const server = new Server(ssh, toolEnv, stop);
  return { settings, key, server, store, batchPaths: settings.batchPaths, close: () => server.close() };
}

function describe({ uploaded, skipped, rejected, waiting, reason }: UploadResult): string {
  const more = [
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
    ...(rejected > 0 ? [`${rejected} set aside`] : []),
    ...(waiting > 0 ? [`${waiting} still waiting${reason === undefined ? "" : ` (${reason})`}: cachectl queue`] : []),
  ];
  return [`${uploaded} paths uploaded`, ...more].join(", ");
}
