/**
 * Opens ssh connections for the double with the machine's own OpenSSH client, by the rules of the real provider
 * (pulumi-command v1.2.1 provider/pkg/provider/remote/connection.go): no user configuration, the pinned host key or none.
 */
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Operation } from "../shared/double.ts";
import type { Properties } from "../shared/table.ts";
import type { Bag } from "../shared/wire.ts";
import type { Ended } from "./process.ts";

const ENDPOINT: Properties = {
  agentSocketPath: "string",
  dialErrorLimit: "number",
  host: "string, required",
  hostKey: "string",
  password: "string, secret",
  perDialTimeout: "number",
  port: "number",
  privateKey: "string, secret",
  privateKeyPassword: "string, secret",
  user: "string",
};

/** The object types of the package's table. */
export const CONNECTION_TYPES: Record<string, Properties> = {
  Connection: { ...ENDPOINT, proxy: "ProxyConnection" },
  ProxyConnection: ENDPOINT,
};

/** One open way to a host: arguments for ssh or sftp, valid until `close`. */
interface Way {
  options: string[];
  host: string;
  /** Whether the last run got past authentication, which tells a failed dial from a failed command. */
  dialled(): boolean;
}

const UNSUPPORTED = ["password", "privateKeyPassword", "proxy"];

function checkSupported(connection: Bag): void {
  const given = UNSUPPORTED.filter((name) => connection[name] !== undefined);
  if (given.length === 0) return;
  throw new Error(`the lab's double of the command provider does not do ${given.join(", ")}; give privateKey instead`);
}

function number(connection: Bag, name: string, fallback: number): number {
  const value = connection[name];
  return typeof value === "number" ? value : fallback;
}

function text(connection: Bag, name: string): string | undefined {
  const value = connection[name];
  return typeof value === "string" ? value : undefined;
}

// A known_hosts name of our own, so that neither port nor address decides which key counts.
const ALIAS = "pinned-host-key";

async function hostKeyOptions(connection: Bag, folder: string): Promise<string[]> {
  const hostKey = text(connection, "hostKey");
  // Without a host key the real provider accepts any.
  if (hostKey === undefined) return ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"];
  const [type = "", key = ""] = hostKey.trim().split(/\s+/);
  if (key === "") throw new Error("failed to parse host key: ssh: no key found");
  await writeFile(join(folder, "known_hosts"), `${ALIAS} ${type} ${key}\n`, { mode: 0o600 });
  return [
    "StrictHostKeyChecking=yes",
    `UserKnownHostsFile=${join(folder, "known_hosts")}`,
    `HostKeyAlias=${ALIAS}`,
    `HostKeyAlgorithms=${type}`,
  ];
}

async function identityOptions(connection: Bag, folder: string): Promise<string[]> {
  const privateKey = text(connection, "privateKey");
  const agent = text(connection, "agentSocketPath") ?? process.env.SSH_AUTH_SOCK ?? "none";
  if (privateKey === undefined) return [`IdentityAgent=${agent}`, "IdentityFile=none"];
  const file = join(folder, "identity");
  await writeFile(file, privateKey.endsWith("\n") ? privateKey : `${privateKey}\n`, { mode: 0o600 });
  return [`IdentityFile=${file}`, "IdentitiesOnly=yes", "IdentityAgent=none"];
}

async function open(connection: Bag, folder: string): Promise<Way> {
  checkSupported(connection);
  const mark = join(folder, "dialled");
  const settings = [
    "BatchMode=yes",
    "LogLevel=ERROR",
    "ClearAllForwardings=yes",
    "GlobalKnownHostsFile=/dev/null",
    "ConnectionAttempts=1",
    `ConnectTimeout=${number(connection, "perDialTimeout", 15)}`,
    `Port=${number(connection, "port", 22)}`,
    `User=${text(connection, "user") ?? "root"}`,
    // A host that vanishes while a command runs must not hang the run for ever.
    "ServerAliveInterval=15",
    "ServerAliveCountMax=4",
    "PermitLocalCommand=yes",
    `LocalCommand=: > '${mark}'`,
    ...(await hostKeyOptions(connection, folder)),
    ...(await identityOptions(connection, folder)),
  ];
  const options = ["-F", "/dev/null", ...settings.flatMap((setting) => ["-o", setting])];
  return { options, host: text(connection, "host") ?? "", dialled: () => existsSync(mark) };
}

// retry.Until of pulumi's SDK: 100 ms, then half as much again each time, at most 5 s.
const delayMs = (attempt: number): number => Math.min(100 * 1.5 ** attempt, 5000);

/**
 * Runs `use` over the connection (its `connection` argument's plain value) and gives what it gave. A failed dial is
 * tried again up to dialErrorLimit times (-1: for ever). The private key's file is gone afterwards.
 */
export async function withConnection(
  connection: Bag,
  operation: Operation,
  use: (way: Way) => Promise<Ended>,
): Promise<Ended> {
  const folder = await mkdtemp(join(tmpdir(), "lab-command-"));
  try {
    const way = await open(connection, folder);
    const limit = number(connection, "dialErrorLimit", 10);
    for (let attempt = 0; ; attempt += 1) {
      const ended = await use(way);
      if (ended.status !== 255 || way.dialled()) return ended;
      const failure = dialError(ended.stderr, way.host, number(connection, "port", 22));
      if (limit >= 0 && attempt >= limit) throw new Error(`after ${attempt} failed attempts: ${failure}`);
      operation.log("info", `Dial ${attempt + 1}/${limit < 0 ? "inf" : limit} failed: retrying`);
      await sleep(delayMs(attempt), undefined, { signal: operation.signal });
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

// The words of golang.org/x/crypto/ssh, then OpenSSH's own, which say more.
function dialError(stderr: string, host: string, port: number): string {
  const said = stderr.trim().split("\n").at(-1) ?? "";
  const where = `${host}:${port}`;
  if (stderr.includes("Host key verification failed") || stderr.includes("no matching host key type")) {
    return `ssh: handshake failed: ssh: host key mismatch (${where}: ${said})`;
  }
  if (stderr.includes("Permission denied")) {
    return `ssh: handshake failed: ssh: unable to authenticate, no supported methods remain (${where}: ${said})`;
  }
  return `dial tcp ${where}: ${said}`;
}
