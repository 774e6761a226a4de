/** The main job: a package built on the Mac is substituted on the desktop instead of being built there. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Machine } from "../machines/machine.ts";
import type { World } from "../world/world.ts";
import { build, newPackage, secondsSince, type Built, type Package } from "./package.ts";

/** What happened, and how long each step took (seconds). */
export interface JobReport {
  readonly package: Package;
  /** The build on the Mac, its post-build hook included. */
  readonly built: Built;
  /** From the build's end until the desktop saw the path in the cache. */
  readonly substitutableSeconds: number;
  readonly fetched: Built;
  /** Whether the desktop's Nix says that it copied the path from the cache, and built nothing. */
  readonly substituted: boolean;
}

const POLL_MS = 50;

/** Address of a path's narinfo in a cache. */
export function narinfoUrl(cacheUrl: string, path: string): string {
  return `${cacheUrl}/${path.slice("/nix/store/".length).split("-")[0] ?? ""}.narinfo`;
}

/** The status with which a machine's request is answered; 0 when nothing answers. */
export async function statusOf(machine: Machine, url: string): Promise<number> {
  const argv = ["curl", "--silent", "--max-time", "5", "--output", "/dev/null", "--write-out", "%{http_code}", url];
  return Number((await machine.run(argv)).stdout);
}

/** Waits until a machine sees a path in the cache; gives the seconds. @throws Error after `timeoutSeconds` */
export async function untilSubstitutable(machine: Machine, url: string, timeoutSeconds = 30): Promise<number> {
  const started = performance.now();
  for (;;) {
    const status = await statusOf(machine, url);
    if (status === 200) return secondsSince(started);
    if (secondsSince(started) > timeoutSeconds) {
      throw new Error(`${machine.name} still gets ${status} for ${url} after ${timeoutSeconds} s`);
    }
    await sleep(POLL_MS);
  }
}

/** Waits until a builder has nothing left to upload, and its uploader is gone. @throws Error after `timeoutSeconds` */
export async function untilUploaded(machine: Machine, timeoutSeconds = 60): Promise<void> {
  const started = performance.now();
  const look = ["sh", "-c", "find /var/lib/nix-binary-cache/queue -type f; pgrep -f '[c]achectl/main.ts upload'"];
  for (;;) {
    const left = (await machine.run(look)).stdout.trim();
    if (left === "") return;
    if (secondsSince(started) > timeoutSeconds) throw new Error(`${machine.name} has not uploaded: ${left}`);
    await sleep(POLL_MS * 4);
  }
}

/** Runs the main job. @throws Error that names the step that failed */
export async function mainJob({ machines }: World, cacheUrl: string): Promise<JobReport> {
  const made = newPackage("greeting");
  const built = await build(machines.macbook, made);
  const substitutableSeconds = await untilSubstitutable(machines.desktop, narinfoUrl(cacheUrl, built.path));
  const fetched = await build(machines.desktop, made);
  return { package: made, built, substitutableSeconds, fetched, substituted: wasSubstituted(fetched, cacheUrl) };
}

/** Whether Nix's own words say that the path came from the cache, and that nothing was built. */
export function wasSubstituted({ path, log }: Built, cacheUrl: string): boolean {
  return log.includes(`copying path '${path}' from '${cacheUrl}'`) && !log.includes("building '");
}
