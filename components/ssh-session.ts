/** One command on a machine over OpenSSH's own client: what the program asks before it declares anything. */
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SshTarget } from "./ssh.ts";

export interface SshSession {
  readonly target: Omit<SshTarget, "privateKey">;
  /** An OpenSSH private key; undefined: the ssh agent's. */
  readonly privateKey: string | undefined;
  /** As the machine's shell takes it. Nothing secret: every process there can see it. */
  readonly command: string;
  readonly stdin: string;
  readonly timeoutSeconds: number;
}

/** `code` is null when it was given up, 255 when ssh itself failed. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What ssh's own messages mean, in the order in which they are looked for. */
const sshFaults: readonly (readonly [RegExp, string, string])[] = [
  [
    /REMOTE HOST IDENTIFICATION HAS CHANGED|Host key verification failed|No .* host key is known/,
    "its host key is not the one in server.hostKey",
    "If the machine was reinstalled, check the new key on its console and set server.hostKey; if not, somebody else is answering.",
  ],
  // Tailscale SSH's own words; the rules that this program adds let nobody in but the upload account.
  [
    /tailnet policy does not permit/,
    "the tailnet's policy does not let you in there by Tailscale SSH",
    'Add a rule of your own to its policy: {"action": "accept", "src": ["YOU"], "dst": ["TAG"], "users": ["root"]}.',
  ],
  [
    /Permission denied/,
    "it refuses the credential",
    "Set the right key (pulumi config set --secret deployKey < FILE), or add its public half to the user's authorized keys.",
  ],
  [
    /Could not resolve hostname/,
    "its name does not resolve",
    "Set server.address to the machine's tailnet IP (`tailscale ip -4` there).",
  ],
  [
    /timed out|Connection refused|No route to host|Network is unreachable|Connection closed|Connection reset/,
    "it cannot be reached",
    "Check that the machine is up, that this machine is on the tailnet, and that the tailnet's policy lets you use ssh.",
  ],
];

/** What a session says that waits for somebody, until it is given up. */
const sshWaits: typeof sshFaults = [
  [
    /requires an additional check/,
    "a rule of the tailnet's policy asks for a person at a browser (action check) before it lets ssh in there",
    "Put an accept rule for the login that deploys before it.",
  ],
];

/** What is wrong with the connection and what to do; undefined when it is not the connection. */
export function sshFault({ code, stderr }: Ended): string | undefined {
  const known = code === 255 ? [...sshWaits, ...sshFaults] : code === null ? sshWaits : [];
  const fault = known.find(([pattern]) => pattern.test(stderr));
  return fault && `${fault[1]}. ${fault[2]}`;
}

/** A machine as messages name it. */
export function describeTarget({ name, address, port, user }: SshSession["target"]): string {
  return `server "${name}" (${user}@${address}, port ${port})`;
}

/** The end of what a program said, indented, for a message. */
export function lastLines(text: string, count = 8): string {
  return text.trim().split("\n").slice(-count).join("\n  ");
}

/** Runs the command. @throws Error when there is no ssh here */
export async function runOverSsh(session: SshSession): Promise<Ended> {
  const scratch = await mkdtemp(join(tmpdir(), "nix-binary-cache-"));
  try {
    return await run(await sshArguments(session, scratch), session.stdin, session.timeoutSeconds);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Files, not arguments, carry the key and the pinned host key; ssh's own configuration is left out of it. */
async function sshArguments({ target, privateKey, command }: SshSession, scratch: string): Promise<string[]> {
  const knownHosts = join(scratch, "known_hosts");
  await writeFile(knownHosts, `nix-binary-cache-target ${target.hostKey}\n`);
  const options = [
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "HostKeyAlias=nix-binary-cache-target",
    "HostKeyAlgorithms=ssh-ed25519",
    `UserKnownHostsFile=${knownHosts}`,
    "GlobalKnownHostsFile=/dev/null",
    "ConnectTimeout=10",
    "ServerAliveInterval=15",
  ];
  const identity = privateKey === undefined ? [] : await identityArguments(privateKey, scratch);
  return [
    ...["-F", "none", "-T", ...options.flatMap((option) => ["-o", option]), ...identity],
    ...["-p", String(target.port), `${target.user}@${target.address}`, command],
  ];
}

async function identityArguments(privateKey: string, scratch: string): Promise<string[]> {
  const file = join(scratch, "identity");
  await writeFile(file, privateKey.endsWith("\n") ? privateKey : `${privateKey}\n`, { mode: 0o600 });
  return ["-i", file, "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"];
}

function run(args: readonly string[], stdin: string, timeoutSeconds: number): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn("ssh", args, { stdio: ["pipe", "pipe", "pipe"], timeout: timeoutSeconds * 1000 });
    const chunks = { stdout: "", stderr: "" };
    child.stdout.on("data", (data: Buffer) => (chunks.stdout += data.toString()));
    child.stderr.on("data", (data: Buffer) => (chunks.stderr += data.toString()));
    child.on("error", (error) =>
      reject(new Error(`ssh: cannot be started (${error.message}). Install OpenSSH's client.`)),
    );
    child.on("close", (code) => resolve({ code, ...chunks }));
    // An ssh that is refused closes its end early; its exit code says so, not the broken pipe.
    child.stdin.on("error", () => undefined);
    child.stdin.end(stdin);
  });
}
