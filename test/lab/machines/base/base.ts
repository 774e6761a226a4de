/** The root that all machines stand on, made once and cached. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { withLock } from "../../engine/lock.ts";
import { withProgress, type OnLine } from "../../engine/progress.ts";
import { must, run } from "../process.ts";
import { hostMirror } from "./mirror.ts";

/** What the machines run, by the names of Debian trixie's packages. */
const PACKAGES: readonly string[] = [
  "nix-bin",
  "openssh-server",
  "openssh-client",
  "nginx-light",
  "ca-certificates",
  "iproute2",
  "iputils-ping",
  "curl",
  "git",
  "xz-utils",
  "zstd",
  "procps",
  "sqlite3",
  "age",
  "libfaketime",
  "tini",
  "less",
];

const SCRIPT = join(import.meta.dirname, "build.sh");
const BUILD_SECONDS = 1800;

/** The lab's cache folder. */
export function cacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "nix-binary-cache");
}

function digest(): string {
  const hash = createHash("sha256").update(readFileSync(SCRIPT)).update(PACKAGES.join(" "));
  return hash.update(process.version).update(process.arch).digest("hex").slice(0, 12);
}

/** apt may reach its mirrors through a proxy that only apt knows of. */
async function proxyEnvironment(): Promise<Record<string, string>> {
  const { stdout } = await run(["apt-config", "dump", "--format", "%v%n", "Acquire::http::Proxy"]).catch(() => ({
    stdout: "",
  }));
  const proxy = stdout.trim().split("\n")[0] ?? "";
  return /^https?:/.test(proxy) ? { http_proxy: proxy, https_proxy: proxy } : {};
}

async function build(target: string, onLine: OnLine): Promise<void> {
  // What it mounts and starts ends with the namespaces, also when it is killed.
  const isolated = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"];
  const mirror = hostMirror() ?? "";
  const log: string[] = [];
  let step = "";
  const onOutput = (text: string): void => {
    for (const line of text.split("\n")) {
      if (line.startsWith("step: ")) step = `: ${line.slice(6)}`;
      if (line.trim() !== "") log.push(line);
    }
  };
  const env = {
    ...process.env,
    ...(await proxyEnvironment()),
    PATH: `${process.env.PATH ?? ""}:/usr/sbin:/usr/bin:/sbin:/bin`,
  };
  const argv = [...isolated, "sh", SCRIPT, target, mirror, process.execPath, ...PACKAGES];
  const what = "making the machines' Debian root (once; about two minutes)";
  await withProgress(
    what,
    onLine,
    async () => {
      const { code } = await run(argv, { env, onOutput, timeoutSeconds: BUILD_SECONDS });
      if (code === 0) return;
      const where = mirror === "" ? "debootstrap's default mirror" : mirror;
      throw new Error(
        `base root: debootstrap from ${where} failed${step}:\n${log.slice(-8).join("\n")}\nCheck that the mirror can be reached, then run this again.`,
      );
    },
    () => step,
  );
}

/** Only the holder of the lock builds, so whatever half-built is there belongs to nobody. */
async function removeHalfBuilt(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith("base-") && name.endsWith(".building"))
      await rm(join(folder, name), { recursive: true, force: true });
  }
}

/**
 * The base root's folder, made when it is not there yet: ${XDG_CACHE_HOME:-~/.cache}/nix-binary-cache/base-DIGEST. Machines
 * only read it.
 *
 * @throws Error with the last lines of what debootstrap or apt said
 */
export async function ensureBase(onLine: OnLine): Promise<string> {
  const folder = cacheFolder();
  const target = join(folder, `base-${digest()}`);
  if (existsSync(target)) return target;
  await mkdir(folder, { recursive: true });
  return withLock(join(folder, "base.lock"), "making the machines' Debian root", onLine, async () => {
    if (existsSync(target)) return target;
    await removeHalfBuilt(folder);
    await build(`${target}.building`, onLine);
    await rename(`${target}.building`, target);
    return target;
  });
}

/** A copy of the base that its user may change and must remove: for building things in. */
export async function spareRoot(onLine: OnLine): Promise<string> {
  const base = await ensureBase(onLine);
  const copy = join(cacheFolder(), `spare-${process.pid}`);
  await must(["cp", "-a", base, copy], { timeoutSeconds: 300 });
  return copy;
}
