import { Refusal } from "./refusal.ts";

/** What a caller can ask for. */
export type Request = "serve" | "announce" | "commit" | "status";

const requests: ReadonlyMap<string, Request> = new Map([
  ["nix-store --serve --write", "serve"],
  ["announce", "announce"],
  ["commit", "commit"],
  ["status", "status"],
]);

/** The command that sshd is made to run for every entry of `authorized_keys`, whatever the caller asked for. */
export const forcedCommand = "receive";

const longestShown = 80;

/**
 * The request in the arguments of a login shell: none for an interactive login, `-c COMMAND` otherwise. Where sshd
 * forces our command, the caller's own is in SSH_ORIGINAL_COMMAND; it is held to the same list either way.
 * Nothing is run by a shell and nothing is split: a command is one of the list, byte for byte, or refused.
 * Throws a Refusal that says what is allowed.
 */
export function parseRequest(args: readonly string[], originalCommand: string | undefined): Request {
  const command = commandOf(args, originalCommand);
  const request = command === undefined ? undefined : requests.get(command);
  if (request === undefined) throw new Refusal("command", explain(command));
  return request;
}

function commandOf(args: readonly string[], originalCommand: string | undefined): string | undefined {
  const [flag, command, ...rest] = args;
  // What Tailscale SSH gives a login shell for a login without a command.
  if (flag === "-l" && command === undefined) return undefined;
  if (flag !== "-c" || command === undefined || rest.length > 0) return args.length === 0 ? undefined : args.join(" ");
  return command === forcedCommand ? originalCommand : command;
}

function explain(command: string | undefined): string {
  const allowed = "this account takes uploads to a binary cache: nix copy over ssh://, announce, commit and status";
  if (command === undefined) return `no interactive login: ${allowed}`;
  const shown = JSON.stringify(command.length > longestShown ? `${command.slice(0, longestShown)}…` : command);
  if (/^nix(?:-|\s+)daemon\b/.test(command)) {
    return `${shown} is refused: it would let an uploader collect garbage; use ssh://, not ssh-ng://`;
  }
  if (/(?:^|[/\s])(?:internal-)?(?:sftp|scp|rsync)\b/.test(command))
    return `${shown} is refused: no file transfer; ${allowed}`;
  return `${shown} is refused: ${allowed}`;
}
