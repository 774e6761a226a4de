/** git, as populate runs it: its own settings, its own key, never a question. */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { replaceFile } from "../lib/replace-file.ts";
import { lastWords, run, type RunResult } from "../lib/run.ts";
import { find } from "./programs.ts";

/** Who commits; by this name populate knows its own commits again. */
export const committer = { name: "nix-binary-cache", email: "populate@nix-binary-cache.invalid" } as const;

const settings = `# Written by cachectl populate; changes made here are lost.
[user]
\tname = ${committer.name}
\temail = ${committer.email}
[commit]
\tgpgSign = false
[core]
\thooksPath = /dev/null
[advice]
\tdetachedHead = false
[gc]
\tautoDetach = false
[safe]
\tdirectory = *
`;

export interface Git {
  readonly program: string;
  readonly env: NodeJS.ProcessEnv;
  readonly stop: AbortSignal;
}

/** Milliseconds for a fetch or a push. */
const longest = 10 * 60_000;

/** The deploy key, where there is one: given by the unit (LoadCredential=deploy-key), or beside the machine's own keys. */
export function deployKey(env: NodeJS.ProcessEnv, keys: string): string | undefined {
  const folders = [...(env.CREDENTIALS_DIRECTORY === undefined ? [] : [env.CREDENTIALS_DIRECTORY]), keys];
  return folders.map((folder) => join(folder, "deploy-key")).find((file) => existsSync(file));
}

/**
 * The environment of git and of Nix, which runs git to fetch inputs: settings and caches in `folder`, none of the account's
 * own, and the deploy key. A host's key must be known: nothing that is built here may come from whoever answers first.
 */
export function gitEnvironment(env: NodeJS.ProcessEnv, folder: string, key: string | undefined): NodeJS.ProcessEnv {
  const home = join(folder, "home");
  mkdirSync(home, { recursive: true, mode: 0o750 });
  // By this name libgit2, which is what Nix reads repositories with, finds it too.
  const file = join(home, ".gitconfig");
  replaceFile(file, settings, 0o644);
  const known = join(folder, "known_hosts");
  const options = [
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "ConnectTimeout=20",
    ...(existsSync(known) ? [`UserKnownHostsFile=${known}`] : []),
    ...(key === undefined ? [] : ["IdentitiesOnly=yes", `IdentityFile=${key}`]),
  ];
  return {
    ...env,
    HOME: home,
    XDG_CACHE_HOME: join(home, "cache"),
    XDG_CONFIG_HOME: join(home, "config"),
    GIT_CONFIG_GLOBAL: file,
    GIT_TERMINAL_PROMPT: "0",
    // The value goes through a shell.
    GIT_SSH_COMMAND: ["ssh", ...options.map((option) => `-o '${option.replaceAll("'", "'\\''")}'`)].join(" "),
  };
}

export function openGit(env: NodeJS.ProcessEnv, stop: AbortSignal): Git {
  return { program: find("git", env), env, stop };
}

/** Runs git; gives what it wrote, without the last line's end. Throws an Error with git's own reason and what mends it. */
export async function runGit(git: Git, args: readonly string[], what: string): Promise<string> {
  const result = await run(git.program, args, { env: git.env, timeout: longest, stop: git.stop });
  if (result.status === 0) return result.stdout.replace(/\n$/, "");
  throw new Error(`${what}: ${reasonOf(result)}${remedy(result.stderr)}`);
}

/** What ssh says of a connection says more than git's own word on it, which comes later and goes on over several lines. */
function reasonOf(result: RunResult): string {
  if (result.timedOut) return lastWords(result);
  const lines = result.stderr.split("\n");
  const telling = lines.find((line) => /denied|verification failed|refused|timed out|[Cc]ould not resolve/.test(line));
  return (telling ?? lines.find((line) => /^(?:fatal|error): /.test(line)))?.trim() ?? lastWords(result);
}

function remedy(errors: string): string {
  if (errors.includes("Host key verification failed")) {
    return ". Put the host's key into the system's known hosts (programs.ssh.knownHosts), or into populate/known_hosts";
  }
  if (/Permission denied \(publickey|could not read Username|Authentication failed/.test(errors)) {
    return ". A private repository needs a deploy key: populate.deployKeyFile in the server's module";
  }
  return "";
}
