/** What one output's evaluation and build are confined to, besides time: memory, and the life of this process. */
import { existsSync } from "node:fs";
import { findOptional } from "./programs.ts";

/**
 * How memory is limited: `scope`, everything together, by the kernel's accounting of a systemd scope; `process`, each
 * process alone, by its data segment; `none`, not at all.
 */
export type Confinement = "scope" | "process" | "none";

export interface Confiner {
  readonly confinement: Confinement;
  /** The command that runs `argv` within the limits. */
  wrap(argv: readonly string[]): string[];
}

/**
 * Confines by what this machine has, or to this process's life alone without `memoryBytes`. A scope needs systemd and its
 * permission, that is root; the scheduled job runs as a user of its own, where the unit limits the whole and this limits
 * each process.
 *
 * The data segment (RLIMIT_DATA) counts private writable memory only, so that runtimes which reserve a terabyte of
 * addresses and use none of it run as ever; the address space (RLIMIT_AS) would stop them.
 */
export function confiner(env: NodeJS.ProcessEnv, memoryBytes: number | undefined, uid = process.getuid?.()): Confiner {
  if (memoryBytes === undefined) return { confinement: "none", wrap: (argv) => [...mortal(env), ...argv] };
  const scope = uid === 0 && existsSync("/run/systemd/system") ? findOptional("systemd-run", env) : undefined;
  const prlimit = findOptional("prlimit", env);
  if (scope !== undefined) {
    const limits = ["--property", `MemoryMax=${memoryBytes}`, "--property", "MemorySwapMax=0"];
    const prefix = [scope, "--scope", "--quiet", "--collect", ...limits, "--", ...mortal(env)];
    return { confinement: "scope", wrap: (argv) => [...prefix, ...argv] };
  }
  if (prlimit !== undefined) {
    const prefix = [...mortal(env), prlimit, `--data=${memoryBytes}`, "--"];
    return { confinement: "process", wrap: (argv) => [...prefix, ...argv] };
  }
  return { confinement: "none", wrap: (argv) => [...mortal(env), ...argv] };
}

/** A killed cachectl takes what it started with it: Nix's daemon ends the builds of a client that is gone. */
function mortal(env: NodeJS.ProcessEnv): string[] {
  const setpriv = findOptional("setpriv", env);
  return setpriv === undefined ? [] : [setpriv, "--pdeathsig", "KILL", "--"];
}
