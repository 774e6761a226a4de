/** A real OpenSSH server of this machine, on a free loopback port, for one test file. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isAwake } from "../../../components/upload-hook/awake.ts";

const PROGRAM = "/usr/sbin/sshd";

/** A running server: `privateKey` may log in as `user`. */
export interface Sshd {
  folder: string;
  port: number;
  user: string;
  privateKey: string;
  hostKey: string;
  stop(): void;
}

/** Why there can be no server here; undefined when there can. */
export function noSshd(): string | undefined {
  if (!existsSync(PROGRAM)) return `${PROGRAM} is not installed`;
  return userInfo().uid === 0 ? undefined : "sshd needs root";
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function keyPair(path: string): { secret: string; public: string } {
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path], { timeout: 10_000 });
  return { secret: readFileSync(path, "utf8"), public: readFileSync(`${path}.pub`, "utf8").trim() };
}

/** Some tens of milliseconds, more on a busy machine. @throws Error when it ended, or does not listen within 10 s */
async function untilItListens(port: number, server: ChildProcess): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (Date.now() < deadline) {
    if (server.exitCode !== null) throw new Error(`sshd ended (status ${server.exitCode})`);
    if (await isAwake("127.0.0.1", port)) return;
    await sleep(20);
  }
  throw new Error("sshd does not listen");
}

/**
 * Starts it; GREETING is the only variable it accepts.
 *
 * @param within command and arguments that become the server's program with its arguments, such as a chroot
 */
export async function startSshd(within: (folder: string) => readonly string[] = () => []): Promise<Sshd> {
  const folder = mkdtempSync(join(tmpdir(), "sshd-"));
  const port = await freePort();
  const host = keyPair(join(folder, "host"));
  const user = keyPair(join(folder, "user"));
  const lines = [
    `ListenAddress 127.0.0.1:${port}`,
    `HostKey ${join(folder, "host")}`,
    `AuthorizedKeysFile ${join(folder, "user.pub")}`,
    "PidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nAcceptEnv GREETING\nSubsystem sftp internal-sftp\n",
  ];
  writeFileSync(join(folder, "config"), lines.join("\n"));
  // Debian's sshd wants this folder.
  mkdirSync("/run/sshd", { recursive: true });
  const args = ["-D", "-e", "-f", join(folder, "config")];
  const [outer, ...rest] = within(folder);
  const server: ChildProcess =
    outer === undefined
      ? spawn(PROGRAM, args, { stdio: "ignore" })
      : spawn(outer, [...rest, PROGRAM, ...args], { stdio: "ignore" });
  await untilItListens(port, server);
  return {
    ...{ folder, port, user: userInfo().username, privateKey: user.secret, hostKey: host.public },
    stop: () => {
      server.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
