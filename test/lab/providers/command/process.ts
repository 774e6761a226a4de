/** Runs one child process to its end and keeps what it printed. */
import { spawn } from "node:child_process";

/** What to run. `stdin` empty or absent means no input at all. */
export interface Run {
  command: string;
  args: string[];
  env: Record<string, string | undefined>;
  cwd?: string;
  stdin?: string;
  signal: AbortSignal;
  /** Called with every whole line, where asked for. */
  onLine?: (stream: "stdout" | "stderr", line: string) => void;
}

/** How it ended. `both` is stdout and stderr as they came. */
export interface Ended {
  /** Exit status, or -1 when a signal ended it. */
  status: number;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  both: string;
}

/** Splits what arrives into whole lines. */
function lines(onLine: (line: string) => void): (text: string) => void {
  let rest = "";
  return (text) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    parts.forEach(onLine);
  };
}

/** Runs it; throws only when it cannot be started. An aborted signal ends it with SIGTERM. */
export async function run({ command, args, env, cwd, stdin = "", signal, onLine }: Run): Promise<Ended> {
  const child = spawn(command, args, {
    env,
    signal,
    ...(cwd === undefined ? {} : { cwd }),
    stdio: [stdin === "" ? "ignore" : "pipe", "pipe", "pipe"],
  });
  const text = { stdout: "", stderr: "", both: "" };
  for (const name of ["stdout", "stderr"] as const) {
    const feed = lines((line) => onLine?.(name, line));
    child[name]?.setEncoding("utf8").on("data", (part: string) => {
      text[name] += part;
      text.both += part;
      feed(part);
    });
  }
  // A command that does not read its input must not fail the run.
  child.stdin?.on("error", () => undefined).end(stdin);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status, ended) => resolve({ status: status ?? -1, signal: ended, ...text }));
  });
}

/** The end of a text without one trailing newline, as outputs are. */
export function trimmed(text: string): string {
  return text.endsWith("\n") ? text.slice(0, -1) : text;
}
