/** Checks that this host can carry the lab, and installs what is missing. */
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { withProgress, type OnLine } from "../engine/progress.ts";
import { run } from "./process.ts";

/** Programs that the lab needs, and the Debian and Ubuntu packages that hold them. */
const TOOLS: readonly (readonly [program: string, ...packages: string[]])[] = [
  // Without the keyring debootstrap on Ubuntu would not check what it downloads.
  ["debootstrap", "debootstrap", "debian-archive-keyring"],
  ["nft", "nftables"],
  ["ip", "iproute2"],
  ["ssh", "openssh-client"],
  ["scp", "openssh-client"],
  ["ssh-keygen", "openssh-client"],
  ["unshare", "util-linux"],
  ["nsenter", "util-linux"],
  ["mount", "mount"],
  ["git", "git"],
  ["tar", "tar"],
];

const INSTALL_SECONDS = 600;

/** Replacements for what is asked of the host, for tests. */
export interface HostView {
  readonly platform: string;
  readonly userId: number;
  readonly has: (program: string) => boolean;
  readonly run: typeof run;
}

const realHost: HostView = {
  platform: process.platform,
  userId: process.getuid?.() ?? -1,
  has: (program) => findProgram(program) !== undefined,
  run,
};

/** Root's own folders count too: some ways of becoming root leave them out of PATH. */
const FOLDERS = [...new Set([...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/bin", "/sbin", "/bin"])];

function findProgram(program: string): string | undefined {
  return FOLDERS.map((folder) => join(folder, program)).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** The packages to install for the programs that are missing, each once. */
export function missingPackages(has: (program: string) => boolean): string[] {
  return [...new Set(TOOLS.filter(([program]) => !has(program)).flatMap(([, ...packages]) => packages))];
}

async function installPackages(packages: readonly string[], onLine: OnLine, host: HostView): Promise<void> {
  const list = packages.join(" ");
  if (!host.has("apt-get")) {
    throw new Error(
      `host tools: missing ${list}, and there is no apt-get here. Install these packages, then run this again.`,
    );
  }
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = (...args: string[]): Promise<{ code: number; stderr: string }> =>
    host.run(["apt-get", "-qq", "-y", ...args], { env, timeoutSeconds: INSTALL_SECONDS });
  await withProgress(`installing ${list} with apt-get`, onLine, async () => {
    await apt("update");
    const { code, stderr } = await apt("--no-install-recommends", "install", ...packages);
    if (code === 0) return;
    throw new Error(
      `host tools: apt-get install ${list} failed: ${stderr.trim().split("\n").at(-1) ?? ""}. Mend it, then run this again.`,
    );
  });
}

/** The namespaces and the mount that a machine needs, tried in one throwaway process. */
const TRIAL = [
  "unshare",
  "--mount",
  "--net",
  "--pid",
  "--uts",
  "--ipc",
  "--fork",
  "mount",
  "-t",
  "tmpfs",
  "tmpfs",
  "/mnt",
];

async function checkNamespaces(host: HostView): Promise<void> {
  const { code, stderr } = await host.run(TRIAL, { timeoutSeconds: 20 });
  if (code === 0) return;
  throw new Error(
    `namespaces not permitted here: ${stderr.trim()}. The lab's machines are namespaces: use a Linux machine or VM where root ` +
      "may make them (in Docker: --privileged).",
  );
}

async function checkOverlay(host: HostView): Promise<void> {
  if (existsSync("/proc/filesystems") && (await host.run(["grep", "-qw", "overlay", "/proc/filesystems"])).code === 0)
    return;
  if ((await host.run(["modprobe", "overlay"])).code === 0) return;
  throw new Error(
    "overlayfs: this kernel has none. The lab's machines share one root by it: use a kernel with overlayfs.",
  );
}

/**
 * Makes sure that this host can carry the lab: Linux, root, the tools (installed with apt-get when missing), namespaces
 * and overlayfs.
 *
 * @throws Error with one message: the thing, what was found, what to do
 */
export async function preflight(onLine: OnLine, host: HostView = realHost): Promise<void> {
  if (host.platform !== "linux") {
    throw new Error(
      `not Linux: found ${host.platform}. The lab needs Linux namespaces; use a Debian or Ubuntu machine or VM.`,
    );
  }
  if (host.userId !== 0) throw new Error("not root: run with sudo. The lab makes network namespaces and mounts.");
  const packages = missingPackages(host.has);
  if (packages.length > 0) await installPackages(packages, onLine, host);
  await checkNamespaces(host);
  await checkOverlay(host);
}
