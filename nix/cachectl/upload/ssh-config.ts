import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Paths } from "../lib/paths.ts";
import { replaceFile } from "../lib/replace-file.ts";
import type { UploadSettings } from "./settings.ts";

/** The name that stands for the server in our own ssh configuration; no other name connects with these settings. */
export const serverAlias = "nix-binary-cache";

/** Where the connection's files are. */
export interface SshFiles {
  readonly config: string;
  /** The shared connection's socket; undefined where the path would be too long for one. */
  readonly socket: string | undefined;
}

/** sun_path holds 104 bytes on macOS, and ssh adds 17 characters of its own while it makes the socket. */
const longestSocket = 104 - 18;

/**
 * Writes the ssh configuration of the uploader: the server's host key pinned, this builder's key and no other, nothing
 * asked of a person, nothing of root's home. A file, since Nix splits NIX_SSHOPTS at spaces.
 */
export function writeSshFiles(paths: Pick<Paths, "state" | "keys">, settings: UploadSettings): SshFiles {
  const folder = join(paths.state, "ssh");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const files = { config: join(folder, "config"), knownHosts: join(folder, "known_hosts") };
  const socket = join(folder, "s");
  const usable = Buffer.byteLength(socket) <= longestSocket ? socket : undefined;
  const identity = join(paths.keys, "ssh");
  put(files.knownHosts, `${serverAlias} ${settings.server.hostKey}\n`);
  put(files.config, configText(settings, files.knownHosts, existsSync(identity) ? identity : undefined, usable));
  return { config: files.config, socket: usable };
}

function configText(
  { server }: UploadSettings,
  knownHosts: string,
  identity: string | undefined,
  socket: string | undefined,
): string {
  const options = [
    ["HostName", server.host],
    ["Port", String(server.port)],
    ["User", server.user],
    ["HostKeyAlias", serverAlias],
    ["HostKeyAlgorithms", "ssh-ed25519"],
    ["UserKnownHostsFile", quote(knownHosts)],
    ["GlobalKnownHostsFile", "/dev/null"],
    ["StrictHostKeyChecking", "yes"],
    ["UpdateHostKeys", "no"],
    ["BatchMode", "yes"],
    ["ConnectTimeout", "10"],
    // A link that is back within a minute goes on where it was.
    ["ServerAliveInterval", "15"],
    ["ServerAliveCountMax", "4"],
    ["IdentitiesOnly", "yes"],
    ["IdentityAgent", "none"],
    // None with Tailscale SSH, where the node is the identity.
    ["IdentityFile", identity === undefined ? "none" : quote(identity)],
    ["ForwardAgent", "no"],
    ["ForwardX11", "no"],
    ["ClearAllForwardings", "yes"],
    ["ControlMaster", "no"],
    ["ControlPath", socket === undefined ? "none" : quote(socket)],
  ] as const;
  return `Host ${serverAlias}\n${options.map(([name, value]) => `  ${name} ${value}\n`).join("")}`;
}

function quote(path: string): string {
  return `"${path.replaceAll("%", "%%")}"`;
}

function put(file: string, text: string): void {
  try {
    if (readFileSync(file, "utf8") === text) return;
  } catch {
    // Not there yet.
  }
  replaceFile(file, text, 0o600);
}
