import { spawn, type ChildProcess } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { serveCommands, type ServePolicy } from "./filter/serve-commands.ts";
import { StreamFilter } from "./filter/stream-filter.ts";
import type { Limits } from "./limits.ts";
import { Refusal } from "./refusal.ts";

/** The streams of the caller and what is run for it. */
export interface ServeSession {
  readonly input: Readable;
  readonly output: Writable;
  readonly errors: Writable;
  /** The real `nix-store`. */
  readonly program: string;
  /** The whole environment of the program: nothing of the caller's. */
  readonly environment: NodeJS.ProcessEnv;
  readonly policy: ServePolicy;
  readonly limits: Pick<Limits, "sessionSeconds" | "idleSeconds">;
  /** Ends the session early: the receiver is told to stop. */
  readonly stop: AbortSignal;
}

/** How a session ended: 0 when the client closed it and Nix had nothing to say against it. */
export interface ServeOutcome {
  readonly status: number;
  /** The last of what Nix said, for the audit log. */
  readonly lastWords: string;
}

/** How long Nix may take to finish what it was at when the client went away, and to heed a request to end. */
const graceMilliseconds = 20_000;
const keptWords = 2000;

/**
 * Runs `nix-store --serve --write` behind the filter until the client goes, Nix ends, something is refused or time is
 * up. Nix does not outlive the call. Throws a Refusal for what the filter or the time limit stopped.
 */
export async function serve(session: ServeSession): Promise<ServeOutcome> {
  const child = spawn(session.program, ["--serve", "--write"], { env: session.environment, cwd: "/" });
  const filter = new StreamFilter((send) => serveCommands(session.policy, send));
  const words = collectWords(child, session.errors);
  const stopped = watch(session, child, filter);
  const ended = exitOf(child);
  // Nix may end while data is still coming: its answer, not a broken pipe, is what the caller should see.
  child.stdin.on("error", () => undefined);
  session.input.pipe(filter).pipe(child.stdin);
  child.stdout.pipe(session.output, { end: false });
  try {
    const status = await Promise.race([ended, stopped.reason]);
    return { status, lastWords: words.last() };
  } finally {
    words.mute();
    stopped.clear();
    session.input.unpipe(filter);
    session.input.destroy();
    await endOf(child, ended);
  }
}

/** Turns everything that ends a session before Nix does into one rejection. */
function watch(
  session: ServeSession,
  child: ChildProcess,
  filter: StreamFilter,
): { reason: Promise<never>; clear: () => void } {
  const { promise, reject } = Promise.withResolvers<never>();
  const { sessionSeconds, idleSeconds } = session.limits;
  let moved = Date.now();
  const touch = (): void => void (moved = Date.now());
  filter.on("data", touch);
  child.stdout?.on("data", touch);
  const timers = [
    setTimeout(
      () => reject(new Refusal("limit", `the session lasted over ${sessionSeconds} s`)),
      sessionSeconds * 1000,
    ),
    setInterval(
      () => {
        if (Date.now() - moved > idleSeconds * 1000) reject(new Refusal("limit", `nothing moved for ${idleSeconds} s`));
      },
      Math.max(idleSeconds * 250, 100),
    ),
  ];
  filter.on("error", reject);
  // A client that is served closes its side last: whatever Nix still does then is for nobody.
  const gone = (): void =>
    void timers.push(setTimeout(() => reject(new Error("the caller went away")), graceMilliseconds));
  session.input.once("end", gone);
  session.input.once("error", () => reject(new Error("the caller went away")));
  session.output.on("error", () => reject(new Error("the caller went away")));
  session.stop.addEventListener("abort", () => reject(new Error("stopped from outside")), { once: true });
  return { reason: promise, clear: () => timers.forEach(clearTimeout) };
}

function exitOf(child: ChildProcess): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.once("error", (error) => reject(new Error(`nix-store could not be run: ${error.message}`)));
  child.once("close", (code, signal) => resolve(code ?? (signal === null ? 1 : 128)));
  return promise;
}

/** Makes sure that nothing of the session is left running. */
async function endOf(child: ChildProcess, ended: Promise<number>): Promise<void> {
  const running = (): boolean => child.pid !== undefined && child.exitCode === null && child.signalCode === null;
  child.stdin?.destroy();
  if (running()) child.kill("SIGTERM");
  const insist = setTimeout(() => child.kill("SIGKILL"), 2000);
  child.stdout?.unpipe();
  child.stdout?.resume();
  await ended.catch(() => undefined);
  clearTimeout(insist);
}

/** Passes on what Nix says until muted: what it says about being ended is not what the caller has to know. */
function collectWords(
  child: ChildProcess,
  errors: Writable,
): { readonly last: () => string; readonly mute: () => void } {
  let words = "";
  let muted = false;
  child.stderr?.on("data", (chunk: Buffer) => {
    if (muted) return;
    words = (words + chunk.toString("utf8")).slice(-keptWords);
    errors.write(chunk);
  });
  return { last: () => words.trim(), mute: () => (muted = true) };
}
