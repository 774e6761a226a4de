/** A real OpenSSH server of this machine, on a free loopback port, for one test file. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

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

/** Starts it; GREETING is the only variable it accepts. */
export async function startSshd(): Promise<Sshd> {
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
  const server: ChildProcess = spawn(PROGRAM, ["-D", "-e", "-f", join(folder, "config")], { stdio: "ignore" });
  await sleep(300);
  return {
    ...{ folder, port, user: userInfo().username, privateKey: user.secret, hostKey: host.public },
    stop: () => {
      server.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
