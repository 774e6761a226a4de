import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { hashInBase32 } from "../receive/signature.ts";
import type { StoreAccess } from "../receive/store-query.ts";
import type { Pace } from "../warm/pace.ts";

/** What reading a path came to. */
export type Hashed =
  /** `sha256:` and 52 characters of Nix's base 32. */
  | { readonly narHash: string }
  /** It can't be read whole: files are missing, or the disk has errors. */
  | { readonly problem: string };

const shortWait = 5;
/** Reading gets no byte for so long: a disk that hangs. */
const idleMilliseconds = 300_000;

/**
 * Hashes a path as it lies on the disk, at the pace given. Nix writes the NAR (`nix-store --dump`); it waits while nobody
 * reads, so the pace is the disk's too. Throws `stop`'s reason when that is aborted, an Error when there is no Nix.
 */
export async function hashPath(path: string, access: StoreAccess, pace: Pace, stop: AbortSignal): Promise<Hashed> {
  stop.throwIfAborted();
  const child = spawn(access.program, ["--dump", path], {
    env: access.environment,
    cwd: "/",
    stdio: ["ignore", "pipe", "pipe"],
  });
  let words = "";
  child.stderr.on("data", (chunk: Buffer) => (words = (words + chunk.toString("utf8")).slice(-500)));
  const closed = once(child, "close");
  closed.catch(() => undefined);
  const end = (): void => void child.kill("SIGKILL");
  stop.addEventListener("abort", end, { once: true });
  const hash = createHash("sha256");
  let idle = setTimeout(end, idleMilliseconds);
  try {
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      clearTimeout(idle);
      hash.update(chunk);
      const wait = pace.take(chunk.length);
      if (wait > shortWait) await pause(wait, undefined, { signal: stop });
      idle = setTimeout(end, idleMilliseconds);
    }
    const [status] = (await closed) as [number | null];
    stop.throwIfAborted();
    if (status !== 0) return { problem: words.trim() || `nix-store --dump ended with status ${status ?? "unknown"}` };
    return { narHash: `sha256:${hashInBase32(hash.digest("hex"))}` };
  } finally {
    clearTimeout(idle);
    stop.removeEventListener("abort", end);
    end();
  }
}
