import { execFile, spawnSync } from "node:child_process";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { promisify } from "node:util";

/** The machine that a call is answered on, as far as the receiver knows it. */
export interface Host {
  /** Holds builders/, announced/, audit.log. */
  readonly stateDirectory: string;
  /** Holds incoming/ and uploads/. */
  readonly rootsDirectory: string;
  /** On the disk of the store, to tell what is free. */
  readonly storeDirectory: string;
  /** The whole of config.json; undefined when there is none. */
  readonly config: unknown;
  /** The receiver's own environment, as sshd made it. */
  readonly environment: NodeJS.ProcessEnv;
  /** Where a program of Nix is. */
  program(name: "nix" | "nix-store"): string;
  readonly input: Readable;
  readonly output: Writable;
  readonly errors: Writable;
}

const quickly = 20_000;
const run = promisify(execFile);

/**
 * The environment of everything that is started for a caller: always the daemon, so that the receiver's own rights
 * never stand in for a check of Nix, and no settings of the account's home.
 */
export function childEnvironment(host: Pick<Host, "environment">): NodeJS.ProcessEnv {
  const { homedir } = userInfo();
  return {
    PATH: host.environment.PATH ?? "/run/current-system/sw/bin:/usr/bin:/bin",
    HOME: homedir,
    NIX_REMOTE: "daemon",
    NIX_USER_CONF_FILES: "/dev/null",
    LC_ALL: "C",
  };
}

/** What `nix config show --json` answers, parsed; waits for it. Undefined when this Nix has no such command. */
export function nixSettings(host: Pick<Host, "environment" | "program">): unknown {
  for (const command of [["config", "show"], ["show-config"]]) {
    const args = ["--extra-experimental-features", "nix-command", ...command, "--json"];
    const options = {
      env: childEnvironment(host),
      timeout: quickly,
      encoding: "utf8",
      maxBuffer: 16 * 1024 ** 2,
    } as const;
    const { status, stdout } = spawnSync(host.program("nix"), args, options);
    if (status === 0) return parse(stdout);
  }
  return undefined;
}

/** What `nix path-info --json` answers for valid paths, parsed. Throws an Error when it fails. */
export async function nixPathInfo(
  host: Pick<Host, "environment" | "program">,
  paths: readonly string[],
): Promise<unknown> {
  const args = ["--extra-experimental-features", "nix-command", "path-info", "--json", ...paths];
  const options = { env: childEnvironment(host), timeout: quickly, maxBuffer: 256 * 1024 ** 2 };
  return parse((await run(host.program("nix"), args, options)).stdout);
}

/** What `tailscale whois --json` says of an address, parsed. Throws an Error when there is no tailnet, or no such node. */
export async function tailnetWhois(host: Pick<Host, "environment">, address: string): Promise<unknown> {
  const options = { env: childEnvironment(host), timeout: 5000 };
  return parse((await run("tailscale", ["whois", "--json", address], options)).stdout);
}

/** The folder of this program, which is copied as a whole. */
export const programDirectory = dirname(import.meta.dirname);

/** The program's entry, to be run by the same Node. */
export const entryPoint = join(programDirectory, "main.ts");

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
