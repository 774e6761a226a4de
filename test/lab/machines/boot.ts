/** A machine's life from outside: its folder, its first process, and its end. */
import { spawn } from "node:child_process";
import { existsSync, openSync, closeSync, readFileSync, statSync } from "node:fs";
import { mkdir, readlink, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Instance, MACHINE_NAMES, type MachineName } from "../instance.ts";
import { ensureBase } from "./base/base.ts";
import { namespaceOf } from "./network.ts";
import { isRunning, listensOnPort, listensOnSocket, markOf, type ProcessMark } from "./procfs.ts";

const SCRIPT = join(import.meta.dirname, "boot.sh");
const BOOT_MS = 30_000;
const HALT_MS = 10_000;
const POLL_MS = 20;

/** Which supervisor a machine has. */
const FLAVOURS: Readonly<Record<MachineName, "systemd" | "launchd">> = {
  server: "systemd",
  desktop: "systemd",
  macbook: "launchd",
};

/** Where a machine's disk and what the host knows of it are. */
export function machineFolder({ dir }: Instance, name: MachineName): string {
  return join(dir, "machines", name);
}

/** The id of the machine's first process on the host; undefined while it is down. */
export function runningPid(instance: Instance, name: MachineName): number | undefined {
  const file = join(machineFolder(instance, name), "running.json");
  if (!existsSync(file)) return undefined;
  const mark = JSON.parse(readFileSync(file, "utf8")) as ProcessMark;
  return isRunning(mark) ? mark.pid : undefined;
}

/** Makes the folder that boot.sh expects. The disk that is there stays, also when the base has changed since. */
async function prepareFolder(instance: Instance, name: MachineName): Promise<string> {
  const folder = machineFolder(instance, name);
  for (const part of ["upper", "work", "root"]) await mkdir(join(folder, part), { recursive: true });
  const link = join(folder, "base");
  const old = await readlink(link).catch(() => undefined);
  if (old === undefined || !existsSync(old)) {
    await rm(link, { force: true });
    await symlink(await ensureBase(() => undefined), link);
  }
  const hosts = [...MACHINE_NAMES, "operator" as const].map(
    (peer) => `${instance.addresses[peer]} ${peer} ${peer}.tail0lab.ts.net`,
  );
  await writeFile(join(folder, "hosts"), `127.0.0.1 localhost\n::1 localhost\n${hosts.join("\n")}\n`);
  await rm(join(folder, "pid"), { force: true });
  return folder;
}

function launch(instance: Instance, name: MachineName, folder: string): void {
  const console = openSync(join(folder, "console.log"), "w");
  const namespaces = ["unshare", "--mount", "--propagation", "private", "--pid", "--uts", "--ipc", "--fork"];
  const argv = ["netns", "exec", namespaceOf(instance, name), ...namespaces, "sh", SCRIPT, folder, name];
  const stdio = ["ignore", console, console] as const;
  const child = spawn("ip", [...argv, FLAVOURS[name]], { detached: true, stdio: [...stdio] });
  child.on("error", () => undefined);
  child.unref();
  closeSync(console);
}

/** Boots a machine, unless it runs, and waits until its sshd and Nix daemon answer. @throws Error with its console's last lines */
export async function bootMachine(instance: Instance, name: MachineName): Promise<void> {
  if (runningPid(instance, name) !== undefined) return;
  const folder = await prepareFolder(instance, name);
  launch(instance, name, folder);
  const deadline = performance.now() + BOOT_MS;
  for (;;) {
    if (await isUp(folder)) return;
    if (performance.now() > deadline) {
      const said = readFileSync(join(folder, "console.log"), "utf8").trim().split("\n").slice(-8).join("\n");
      throw new Error(`${name} has not come up in ${BOOT_MS / 1000} s: ${said || "its console says nothing"}`);
    }
    await sleep(POLL_MS);
  }
}

async function isUp(folder: string): Promise<boolean> {
  const file = join(folder, "pid");
  if (!existsSync(file)) return false;
  const mark = markOf(Number(readFileSync(file, "utf8")));
  if (mark === undefined) return false;
  // Through /proc the host sees the machine's root without entering it.
  if (!existsSync(`/proc/${mark.pid}/root/run/lab/booted`)) return false;
  if (!listensOnPort(mark.pid, 22) || !listensOnSocket(mark.pid, "/nix/var/nix/daemon-socket/socket")) return false;
  await writeFile(join(folder, "running.json.new"), JSON.stringify(mark));
  await rename(join(folder, "running.json.new"), join(folder, "running.json"));
  return true;
}

/** Ends a machine: with its first process the kernel ends all others, and unmounts what they had. */
export async function haltMachine(instance: Instance, name: MachineName): Promise<void> {
  const folder = machineFolder(instance, name);
  const marks = ["pid", "running.json"].flatMap((file) => markIn(join(folder, file)));
  for (const mark of marks) if (isRunning(mark)) process.kill(mark.pid, "SIGKILL");
  const deadline = performance.now() + HALT_MS;
  while (marks.some(isRunning)) {
    if (performance.now() > deadline) throw new Error(`${name}: its first process does not end`);
    await sleep(POLL_MS);
  }
  await rm(join(folder, "running.json"), { force: true });
  await rm(join(folder, "pid"), { force: true });
}

/** The process that a file of a machine's folder tells of, if it is the machine's first: nobody else's id is ever signalled. */
function markIn(file: string): ProcessMark[] {
  if (!existsSync(file)) return [];
  const text = readFileSync(file, "utf8");
  if (file.endsWith(".json")) return [JSON.parse(text) as ProcessMark];
  const mark = markOf(Number(text));
  if (mark === undefined) return [];
  // A bare id may have come to be another's: only what is first in a pid namespace of its own counts, started since.
  const status = readFileSync(`/proc/${mark.pid}/status`, "utf8");
  const isFirst =
    /^NSpid:\s.*\s1$/m.test(status) && statSync(`/proc/${mark.pid}`).mtimeMs >= statSync(file).mtimeMs - 60_000;
  return isFirst ? [mark] : [];
}
