/** Starts one command of a job: as its user, in its folder, with its environment, its output in the log. */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, chownSync, closeSync, copyFileSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Job } from "./job.ts";
import { environmentOf } from "./units.ts";
import { expandVariables, type Command } from "./words.ts";

/** Where every job's output goes, a file each. */
export const LOG_FOLDER = "/var/log/lab";

/** How the machine's supervisor differs from the other kind. */
export interface Manner {
  /** What a job finds in PATH unless it sets its own. */
  readonly path: string;
  /** Whether `$NAME` in a command line is put in before it runs. */
  readonly expands: boolean;
}

export const MANNERS: Readonly<Record<"systemd" | "launchd", Manner>> = {
  systemd: { path: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", expands: true },
  // launchd's own default, without /usr/local: what a Mac's daemon needs from there it has to name.
  launchd: { path: "/usr/bin:/bin:/usr/sbin:/sbin", expands: false },
};

interface Account {
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

/** @throws Error when there is no such user */
function accountOf(user: string): Account {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((each) => each.startsWith(`${user}:`));
  if (line === undefined) throw new Error(`there is no user ${user}`);
  const [, , uid, gid, , home = "/", shell = "/bin/sh"] = line.split(":");
  return { uid: Number(uid), gid: Number(gid), home, shell };
}

/** The log of a job. */
export function logFile(name: string): string {
  return join(LOG_FOLDER, `${name.replaceAll("/", "-")}.log`);
}

/** Makes the job's folders and credentials. @throws Error that names what could not be made */
export function prepareFolders(job: Job): void {
  const account = job.user === undefined ? undefined : accountOf(job.user);
  for (const [path, mode] of job.folders) {
    mkdirSync(path, { recursive: true });
    chmodSync(path, mode);
    if (account !== undefined) chownSync(path, account.uid, account.gid);
  }
  if (job.credentials.length === 0) return;
  const folder = credentialFolder(job);
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  for (const [name, path] of job.credentials) {
    copyFileSync(path, join(folder, name));
    chmodSync(join(folder, name), 0o400);
    if (account !== undefined) chownSync(join(folder, name), account.uid, account.gid);
  }
}

function credentialFolder({ name }: Job): string {
  return join("/run/credentials", name);
}

/** The environment of a job's commands. Source: systemd.exec(5), "ENVIRONMENT VARIABLES IN SPAWNED PROCESSES". */
export function jobEnvironment(job: Job, manner: Manner, extra: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const account = job.user === undefined ? undefined : accountOf(job.user);
  const who = account && { HOME: account.home, SHELL: account.shell, USER: job.user, LOGNAME: job.user };
  const kinds = { STATE: "/var/lib/", CACHE: "/var/cache/", RUNTIME: "/run/", LOGS: "/var/log/" };
  const folders = Object.entries(kinds).flatMap(([kind, root]) => {
    const made = job.folders.map(([path]) => path).filter((path) => path.startsWith(root));
    return made.length === 0 ? [] : [[`${kind}_DIRECTORY`, made.join(":")]];
  });
  return {
    PATH: manner.path,
    LANG: "C.UTF-8",
    ...who,
    ...(Object.fromEntries(folders) as Record<string, string>),
    ...(job.credentials.length > 0 && { CREDENTIALS_DIRECTORY: credentialFolder(job) }),
    ...job.environment,
    ...environmentOf(job.environmentFiles.flatMap(readEnvironmentFile)),
    ...extra,
  };
}

function readEnvironmentFile(path: string): string[] {
  const file = path.replace(/^-/, "");
  if (path.startsWith("-") && !existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => !/^\s*([#;]|$)/.test(line));
}

/** Starts a command of a job. @param stdin a file; nothing when absent */
export function launch(job: Job, command: Command, call: { env: NodeJS.ProcessEnv; expands: boolean; stdin?: string }) {
  const words = call.expands ? expandVariables(command.argv, call.env) : [...command.argv];
  const umask = job.umask === undefined ? [] : ["/bin/sh", "-c", `umask ${job.umask}; exec "$@"`, "sh"];
  const [program = "", ...args] = [...asUser(job), ...umask, ...words];
  const files = [call.stdin ?? "/dev/null", job.output[0] ?? logFile(job.name), job.output[1] ?? logFile(job.name)];
  for (const file of files.slice(1)) mkdirSync(dirname(file), { recursive: true });
  const descriptors = files.map((file, index) => openSync(file, index === 0 ? "r" : "a", 0o644));
  try {
    const cwd = job.directory ?? "/";
    return spawn(program, args, { env: call.env, cwd, detached: true, stdio: descriptors });
  } finally {
    for (const descriptor of descriptors) closeSync(descriptor);
  }
}

function asUser({ user, group }: Job): string[] {
  if (user === undefined && group === undefined) return [];
  const account = accountOf(user ?? "root");
  return [
    ...["/usr/bin/setpriv", "--reuid", String(account.uid), "--regid", group ?? String(account.gid)],
    ...(user === undefined ? ["--keep-groups"] : ["--init-groups"]),
    "--",
  ];
}

/** How a command ended; 127 when it could not be started. */
export function ended(child: ChildProcess): Promise<{ code: number; signal: NodeJS.Signals | undefined }> {
  return new Promise((resolve) => {
    child.once("error", () => {
      resolve({ code: 127, signal: undefined });
    });
    child.once("exit", (code, signal) => {
      resolve({ code: code ?? 128, signal: signal ?? undefined });
    });
  });
}
