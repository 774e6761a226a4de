/** Runs the host's programs. */
import { spawn } from "node:child_process";

/** How a program ended. */
export interface Ended {
  /** Exit status; 128 + the signal's number when it was killed. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Nothing, when absent. */
  readonly stdin?: string | Buffer;
  /** The whole environment. @default this process's */
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** @default 60 */
  readonly timeoutSeconds?: number;
  /** Takes each piece of output as it comes. */
  readonly onOutput?: (text: string) => void;
}

const SIGNALS: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

/**
 * Runs a program to its end. Never throws for a failure of the program itself.
 *
 * @throws Error when it cannot be started or takes too long (it is killed)
 */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const [program = "", ...args] = argv;
  const { env = process.env, cwd, timeoutSeconds = 60 } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, ...(cwd !== undefined && { cwd }), stdio: ["pipe", "pipe", "pipe"] });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, timeoutSeconds * 1000);
    const text = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].on("data", (piece: Buffer) => {
        text[name].push(piece);
        options.onOutput?.(piece.toString("utf8"));
      });
    }
    // A program that ends without reading its input is no failure of ours.
    child.stdin.on("error", () => undefined).end(options.stdin);
    child.once("error", (error) => {
      clearTimeout(timer);
      reject(new Error(`${program}: could not be run: ${error.message}`));
    });
    child.once("close", (status, signal) => {
      clearTimeout(timer);
      if (late) reject(new Error(`${program} ${args[0] ?? ""}: took longer than ${timeoutSeconds} s and was killed`));
      const code = status ?? 128 + (SIGNALS[signal ?? ""] ?? 0);
      const [stdout, stderr] = [
        Buffer.concat(text.stdout).toString("utf8"),
        Buffer.concat(text.stderr).toString("utf8"),
      ];
      resolve({ code, stdout, stderr });
    });
  });
}

/**
 * Runs a program that must succeed; gives what it printed.
 *
 * @throws Error with the last lines of what it said
 */
export async function must(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run(argv, options);
  if (code === 0) return stdout;
  const said = (stderr.trim() || stdout.trim()).split("\n").slice(-10).join("\n");
  throw new Error(`${argv.slice(0, 4).join(" ")}: failed (status ${code}): ${said}`);
}
