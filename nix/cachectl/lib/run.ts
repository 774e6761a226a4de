import { spawn } from "node:child_process";
import { delimiter } from "node:path";

/** How a program is run. */
export interface RunOptions {
  readonly env: NodeJS.ProcessEnv;
  /** What it gets on standard input. @default "" */
  readonly input?: string;
  /** Milliseconds until it is ended, by SIGTERM and then by force. */
  readonly timeout: number;
  /** Ends it early. */
  readonly stop?: AbortSignal;
}

/** What came of a program: never an exception, since every end of it has a meaning for somebody. */
export interface RunResult {
  /** The exit status; null when it was ended by a signal, or could not be started. */
  readonly status: number | null;
  readonly stdout: string;
  /** The last of what it said. */
  readonly stderr: string;
  readonly timedOut: boolean;
}

const keptErrors = 8000;
const graceMilliseconds = 5000;

/** Where NixOS, Nix's own installer, Debian and macOS put programs, for a service whose PATH has none of them. */
const folders = [
  "/run/current-system/sw/bin",
  "/nix/var/nix/profiles/default/bin",
  "/usr/local/bin",
  "/usr/bin",
  "/bin",
  "/usr/sbin",
  "/sbin",
];

/** The PATH for programs that are started: what was given first. */
export function searchPath(given: string | undefined): string {
  const before = (given ?? "").split(delimiter).filter((folder) => folder.startsWith("/"));
  return [...new Set([...before, ...folders])].join(delimiter);
}

/** Runs a program to its end. Nothing is given to a shell. */
export function run(program: string, args: readonly string[], options: RunOptions): Promise<RunResult> {
  const { promise, resolve } = Promise.withResolvers<RunResult>();
  const child = spawn(program, args, { env: options.env, cwd: "/", stdio: ["pipe", "pipe", "pipe"] });
  const [out, timers] = [[] as Buffer[], [] as NodeJS.Timeout[]];
  let [stderr, timedOut] = ["", false];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => (stderr = (stderr + chunk.toString("utf8")).slice(-keptErrors)));
  const end = (): void => {
    child.kill("SIGTERM");
    timers.push(setTimeout(() => child.kill("SIGKILL"), graceMilliseconds));
  };
  timers.push(
    setTimeout(() => {
      timedOut = true;
      end();
    }, options.timeout),
  );
  options.stop?.addEventListener("abort", end, { once: true });
  if (options.stop?.aborted) end();
  const finish = (status: number | null, more = ""): void => {
    timers.forEach(clearTimeout);
    child.stdout.destroy();
    child.stderr.destroy();
    options.stop?.removeEventListener("abort", end);
    resolve({ status, stdout: Buffer.concat(out).toString("utf8"), stderr: stderr + more, timedOut });
  };
  child.once("error", (error) => finish(null, `${program} can't be run: ${error.message}`));
  child.once("close", (status) => finish(status));
  // Something that it started may hold its output open for long after it.
  child.once("exit", (status) => timers.push(setTimeout(() => finish(status), graceMilliseconds)));
  // A program that ends before it has read everything: its status says why.
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input ?? "");
  return promise;
}

/**
 * The last line of what a program said that says something, for a person to read; at most 300 characters. ssh ends with
 * "Connection closed" where Tailscale SSH turns it away, and Nix with an "unexpected end-of-file" where the other side's
 * Nix failed: why stands in a line before.
 */
export function lastWords({ stderr, status, timedOut }: RunResult): string {
  const lines = stderr
    .replaceAll(/\u001b\[[0-9;]*m/g, "")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const telling = lines.filter((line) =>
    /^(?:nix-binary-cache|error|ssh|tailscale): |refused|denied|failed|additional check/i.test(line),
  );
  const words = telling.findLast((line) => !line.includes("unexpected end-of-file")) ?? telling.at(-1) ?? lines.at(-1);
  if (timedOut)
    return `took too long and was ended${words === undefined ? "" : `; it had said: ${words}`}`.slice(0, 300);
  return (words ?? `ended with status ${status ?? "unknown"}`).slice(0, 300);
}
