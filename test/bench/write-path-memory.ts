import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Pair } from "../cachectl/upload-pair.ts";

const entries = 10_000;
const kibibytes = 1024;

/** Queues as many paths and uploads all of them; the peak of the uploader's own process, in MiB. */
export async function peakMemory(pair: Pair): Promise<{ readonly value: number; readonly entries: number }> {
  pair.hook(addFiles(pair));
  const uploader = pair.startUpload();
  let ended = false;
  void uploader.ended.then(() => (ended = true));
  let peak = 0;
  while (!isSet(() => ended)) {
    for (const pid of uploaders()) peak = Math.max(peak, peakOf(pid));
    await sleep(100);
  }
  const { status, stderr } = await uploader.ended;
  if (status !== 0 || peak === 0) throw new Error(`the uploader ended with ${String(status)}: ${stderr}`);
  return { value: peak / kibibytes, entries };
}

function isSet(read: () => boolean): boolean {
  return read();
}

/** Small files in the builder's store. */
function addFiles(pair: Pair): string[] {
  const program = `mkdir -p /files && cd /files || exit 1
i=0; while [ $i -lt ${entries} ]; do echo $i >file-$i; i=$((i+1)); done
ls | xargs -n 500 nix-store --add`;
  const paths = pair.builder.run(["sh", "-c", program], "", 1800_000).stdout.trim().split("\n");
  if (paths.length !== entries) throw new Error(`${paths.length} paths were added`);
  return paths;
}

/** Processes of this machine that are `cachectl upload`, seen from outside the namespaces. */
function uploaders(): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    const command = textOf(`/proc/${pid}/cmdline`).split("\0");
    return command.some((word) => word.endsWith("cachectl/main.ts")) && command.includes("upload");
  });
}

/** VmHWM of proc(5): the largest resident set so far, in KiB. */
function peakOf(pid: string): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(textOf(`/proc/${pid}/status`))?.[1] ?? 0);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
