/** When Nix's daemon was started, and when its settings were last changed. */
import { lstatSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { run } from "../../lib/run.ts";
import type { Machine } from "../machine.ts";

/** `absent`: none runs, and whoever needs one starts it. Milliseconds since 1970. */
export type DaemonStart = number | "absent";

/** A file of settings that Nix reads; those of the store never change. */
export interface SettingsFile {
  readonly file: string;
  readonly changedAt: number;
  readonly inStore: boolean;
}

/** The main process is the oldest: each connection has a child of the same name. */
export async function daemonStart({ places, env, stop }: Machine): Promise<DaemonStart> {
  const starts = process.platform === "darwin" ? await fromPs(env, stop) : fromProc(places.proc);
  return starts.length === 0 ? "absent" : Math.min(...starts);
}

const ticksPerSecond = 100;

/** proc(5): /proc/PID/stat's 22nd field is the start in ticks since boot, and `btime` in /proc/stat the boot. */
function fromProc(proc: string): readonly number[] {
  const boot = Number(/^btime (\d+)$/m.exec(readText(join(proc, "stat")))?.[1] ?? NaN);
  return readdirSync(proc)
    .filter((name) => /^\d+$/.test(name) && readText(join(proc, name, "comm")).trim() === "nix-daemon")
    .flatMap((name) => {
      const [, rest = ""] = readText(join(proc, name, "stat")).split(/\) (?=\w )/);
      const start = (boot + Number(rest.split(" ")[19]) / ticksPerSecond) * 1000;
      return Number.isFinite(start) ? [start] : [];
    });
}

async function fromPs(env: NodeJS.ProcessEnv, stop: AbortSignal): Promise<readonly number[]> {
  const { stdout } = await run("ps", ["-A", "-o", "lstart=,comm="], { env, timeout: 3000, stop });
  return stdout.split("\n").flatMap((line) => {
    const [, started = ""] = /^\s*(.{24})\s.*nix-daemon$/.exec(line) ?? [];
    const time = Date.parse(started);
    return Number.isNaN(time) ? [] : [time];
  });
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** nix.conf and what it includes, one level after the other. A file that is not there is left out. */
export function settingsFiles(folder: string): readonly SettingsFile[] {
  const found = new Map<string, SettingsFile>();
  const visit = (file: string): void => {
    if (found.has(file) || found.size > 20) return;
    const status = statSync(file, { throwIfNoEntry: false });
    if (status === undefined) return;
    const inStore = realpathSync(file).startsWith("/nix/store/");
    // A link that leads elsewhere now is a change too, though not to what it leads to.
    const linked = lstatSync(file).mtimeMs;
    found.set(file, { file, changedAt: inStore ? 0 : Math.max(status.mtimeMs, linked), inStore });
    for (const [, included = ""] of readText(file).matchAll(/^\s*!?include\s+(\S+)\s*$/gm))
      visit(resolve(dirname(file), included));
  };
  visit(join(folder, "nix.conf"));
  return [...found.values()];
}
