/** What a deploy would do, asked of the server before anything is changed, in preview too. */
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { scriptText, shellWords, type SshTarget } from "../ssh.ts";

/** The server's answer. */
export interface Inspection {
  /** The system's derivation: it changes if, and only if, the system does. */
  readonly drvPath: string;
  readonly outPath: string;
  /** The flake's git revision; empty for a folder without one. */
  readonly revision: string;
  /** Derivations to build, store paths to fetch, and how much that is, in Nix's own words. */
  readonly builds: number;
  readonly fetches: number;
  readonly size: string;
  /** The system that runs now; empty when there is no system profile yet. */
  readonly current: string;
}

export interface InspectionRequest {
  readonly target: Omit<SshTarget, "privateKey">;
  readonly privateKey: string | undefined;
  readonly flake: string;
  readonly configuration: string;
  /** Evaluating a NixOS system takes ten to sixty seconds. */
  readonly timeoutSeconds?: number;
}

interface Ended {
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

/**
 * Asks the server what a deploy would do.
 *
 * @throws Error with one message that names the server, what was found, and what to do
 */
export async function inspectServer(request: InspectionRequest): Promise<Inspection> {
  const scratch = await mkdtemp(join(tmpdir(), "nix-binary-cache-"));
  try {
    const ended = await runSsh(request, scratch);
    if (ended.code !== 0) throw new Error(explain(request, ended));
    return readInspection(request, ended.stdout);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Files, not arguments, carry the key and the pinned host key; ssh's own configuration is left out of it. */
async function runSsh(
  { target, privateKey, flake, configuration, timeoutSeconds = 300 }: InspectionRequest,
  scratch: string,
): Promise<Ended> {
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
  return run(
    [
      ...["-F", "none", "-T", ...options.flatMap((option) => ["-o", option]), ...identity],
      ...[
        "-p",
        String(target.port),
        `${target.user}@${target.address}`,
        `sh -s -- ${shellWords([flake, configuration])}`,
      ],
    ],
    scriptText(new URL("./inspect.sh", import.meta.url)),
    timeoutSeconds,
  );
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

function explain(
  { target, flake, configuration, timeoutSeconds = 300 }: InspectionRequest,
  { code, stderr }: Ended,
): string {
  const where = `[CacheServer] server "${target.name}" (${target.user}@${target.address}, port ${target.port})`;
  if (code === null)
    return `${where}: did not answer within ${timeoutSeconds} s. Evaluate the flake there by hand to see why.`;
  const fault = code === 255 ? sshFaults.find(([pattern]) => pattern.test(stderr)) : undefined;
  if (fault) return `${where}: ${fault[1]}. ${fault[2]}`;
  const last = stderr.trim().split("\n").slice(-8).join("\n  ");
  if (code === 255 || code === 3) return `${where}: ${last}`;
  return (
    `${where}: ${flake}#nixosConfigurations.${configuration} does not evaluate there:\n  ${last}\n` +
    "Mend the flake (or server.flake, server.configuration), then run this again. Nothing was changed."
  );
}

function readInspection({ target }: InspectionRequest, stdout: string): Inspection {
  const line = stdout.trim().split("\n").at(-1) ?? "";
  try {
    return JSON.parse(line) as Inspection;
  } catch {
    throw new Error(
      `[CacheServer] server "${target.name}": answered ${JSON.stringify(line.slice(0, 80))}; expected a line of JSON. ` +
        "Check that the user's shell prints nothing of its own when it is not interactive.",
    );
  }
}
