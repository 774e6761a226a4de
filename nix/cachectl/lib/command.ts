/** What every verb of cachectl is made of. */
import type { Readable, Writable } from "node:stream";
import type { ParseArgsOptionsConfig } from "node:util";
import type { Paths } from "./paths.ts";

/** One call of a verb, with everything that it may touch. */
export interface Invocation {
  /** What stands after the verb and is no option. */
  readonly positionals: readonly string[];
  /** Options by their long names; `json` is there for every verb. */
  readonly options: Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;
  readonly paths: Paths;
  readonly env: NodeJS.ProcessEnv;
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Aborted by SIGTERM and SIGINT: finish the step at hand, leave everything in order, return. */
  readonly stop: AbortSignal;
}

export interface Command {
  /** One line for `cachectl help`. */
  readonly summary: string;
  /** What follows "cachectl ", such as "queue [retry] [--json]". */
  readonly usage: string;
  /** As node:util's parseArgs takes them; `json` and `help` are added. */
  readonly options?: ParseArgsOptionsConfig;
  /** The arguments are not cachectl's to parse: they go to `positionals` as they are. @default false */
  readonly raw?: boolean;
  /** @returns the exit status: 0 done, 1 failed, 2 wrong usage, or the verb's own */
  run(invocation: Invocation): Promise<number>;
}

/** The command line is wrong: the message says what was found and what is taken; exit status 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
