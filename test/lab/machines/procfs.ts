/** What the kernel tells about processes. Source of the formats: proc(5). */
import { readFileSync, readdirSync, readlinkSync } from "node:fs";

/** A process that cannot be mistaken for a later one with the same id. */
export interface ProcessMark {
  readonly pid: number;
  /** Clock ticks after the boot of the host, field 22 of /proc/PID/stat. */
  readonly started: string;
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** The mark of a process that runs; undefined when there is none, or it is dead and waits for its parent. */
export function markOf(pid: number): ProcessMark | undefined {
  const stat = readOrEmpty(`/proc/${pid}/stat`);
  // The command in parentheses may hold anything; what follows it may not.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, started] = [fields[0], fields[19]];
  return started === undefined || state === "Z" || state === "X" ? undefined : { pid, started };
}

/** Whether that very process still runs. */
export function isRunning({ pid, started }: ProcessMark): boolean {
  return markOf(pid)?.started === started;
}

function processes(): number[] {
  const names = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return names.map(Number);
}

/** The processes that use the network namespace with this inode number. */
export function processesInNetwork(inode: number): number[] {
  return processes().filter((pid) => networkOf(pid) === inode);
}

/** The processes that were started with this argument, as it stands. */
export function processesWithArgument(argument: string): ProcessMark[] {
  return processes().flatMap((pid) => {
    const mark = markOf(pid);
    const words = readOrEmpty(`/proc/${pid}/cmdline`).split("\0");
    return mark !== undefined && words.includes(argument) ? [mark] : [];
  });
}

function networkOf(pid: number): number | undefined {
  try {
    return Number(/\d+/.exec(readlinkSync(`/proc/${pid}/ns/net`))?.[0]);
  } catch {
    return undefined;
  }
}

/** Whether something listens on a TCP port in the process's network namespace. */
export function listensOnPort(pid: number, port: number): boolean {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const lines = `${readOrEmpty(`/proc/${pid}/net/tcp`)}${readOrEmpty(`/proc/${pid}/net/tcp6`)}`.split("\n");
  return lines.some((line) => {
    const [, local = "", , state] = line.trim().split(/\s+/);
    return local.endsWith(suffix) && state === "0A";
  });
}

/** Whether something listens on a Unix socket in the process's network namespace. */
export function listensOnSocket(pid: number, path: string): boolean {
  const lines = readOrEmpty(`/proc/${pid}/net/unix`).split("\n");
  // Field 4 is the flags; this one is set for sockets that accept connections.
  return lines.some((line) => line.endsWith(` ${path}`) && line.split(/\s+/)[3] === "00010000");
}
