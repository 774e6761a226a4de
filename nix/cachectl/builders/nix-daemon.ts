import { execFile } from "node:child_process";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const restartMilliseconds = 60_000;
const answerMilliseconds = 15_000;
const between = 100;

/** How the Nix daemon is restarted and reached; the defaults are those of NixOS and Debian. */
export interface NixDaemon {
  readonly restart: readonly [program: string, ...args: string[]];
  readonly socket: string;
  /** Milliseconds from the restart until it has to answer. @default 15 s */
  readonly answerMilliseconds?: number;
}

/** The daemon of this machine. */
export function localDaemon(env: NodeJS.ProcessEnv): NixDaemon {
  const socket = env.NIX_DAEMON_SOCKET_PATH ?? "/nix/var/nix/daemon-socket/socket";
  return { restart: ["systemctl", "restart", "nix-daemon.service"], socket };
}

/**
 * Restarts the Nix daemon, which reads its settings only when it starts, and waits until it takes connections: what
 * comes next asks it. Builds and uploads that run go on, for the unit ends only the daemon itself (KillMode=process).
 * Throws an Error when it does not come back.
 */
export async function restartNixDaemon(daemon: NixDaemon): Promise<void> {
  const [program, ...args] = daemon.restart;
  try {
    await promisify(execFile)(program, args, { timeout: restartMilliseconds });
  } catch (error) {
    const reason = error instanceof Error ? error.message.trim() : String(error);
    throw new Error(
      `the Nix daemon has not read the new keys: ${reason}. Run the same command again once it can start`,
    );
  }
  const end = Date.now() + (daemon.answerMilliseconds ?? answerMilliseconds);
  while (!(await answers(daemon.socket))) {
    if (Date.now() > end) throw new Error(`the Nix daemon was restarted and does not answer on ${daemon.socket}`);
    await sleep(between);
  }
}

function answers(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ path, timeout: 1000 });
  const end = (answer: boolean): void => {
    socket.destroy();
    resolve(answer);
  };
  socket.once("connect", () => end(true));
  socket.once("error", () => end(false));
  socket.once("timeout", () => end(false));
  return promise;
}
