/** Builds the Pulumi engine from its Go module, for places that cannot download the official release. */
import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { withProgress, type OnLine } from "./progress.ts";
import { ENGINE_VERSION, isAtLeast } from "./version.ts";

const PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi";
const VERSION_FLAG = `github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v${ENGINE_VERSION}`;
/** The oldest Go that fetches the toolchain it needs by itself (GOTOOLCHAIN=auto) and builds this module. */
const OLDEST_GO = "1.24.0";
/** Time for the whole build, in milliseconds: nine minutes on two cores, several times that on a slow line. */
const TIMEOUT_MS = 45 * 60_000;

/** A module of its own around the engine's: `go install PACKAGE@VERSION` refuses a module with replace directives. */
const GO_MOD = `module nix-binary-cache/engine\n\ngo 1.24\n\nrequire github.com/pulumi/pulumi/pkg/v3 v${ENGINE_VERSION}\n`;

/** `go build`'s arguments; the version goes in by ldflag, or the Automation API refuses the engine. */
const ARGS = ["build", "-trimpath", "-ldflags", `-s -w -X ${VERSION_FLAG}`, "-o", "pulumi", PACKAGE];

async function goVersion(path: string): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)(path, ["env", "GOVERSION"], { timeout: 30_000 });
    const [, numbers = ""] = /^go(\d+\.\d+(?:\.\d+)?)/.exec(stdout) ?? [];
    return numbers.split(".").length === 2 ? `${numbers}.0` : numbers;
  } catch {
    return undefined;
  }
}

/** A Go that can build the engine, from PATH or /usr/local/go; undefined when there is none. */
export async function findGo(): Promise<string | undefined> {
  for (const path of ["go", "/usr/local/go/bin/go"]) {
    const version = await goVersion(path);
    if (version !== undefined && version !== "" && isAtLeast(version, OLDEST_GO)) return path;
  }
  return undefined;
}

/** What to do when there is neither an engine nor a way to build one. */
export const NO_GO = `The Pulumi engine was not found, could not be downloaded, and there is no Go ${OLDEST_GO} or newer to build it with. Install pulumi (https://www.pulumi.com/docs/install/), or Go: apt-get install golang-go where the distribution has ${OLDEST_GO} or newer.`;

/** A build command: what to run, and where the built `pulumi` will be. */
interface Build {
  command: string;
  args: string[];
  env: NodeJS.ProcessEnv;
  /** The folder of the module, where `pulumi` appears. */
  folder: string;
}

async function build({ command, args, env, folder }: Build, onLine: OnLine): Promise<string> {
  let modules = 0;
  const last: string[] = [];
  const result = join(folder, "pulumi");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "go.mod"), GO_MOD);
  const work = async (): Promise<void> => {
    const child = spawn(command, args, { env, cwd: folder, stdio: ["ignore", "ignore", "pipe"], timeout: TIMEOUT_MS });
    createInterface({ input: child.stderr }).on("line", (line) => {
      if (line.startsWith("go: downloading ")) modules += 1;
      else last.push(line);
    });
    const status = await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => resolve(code ?? -1));
    });
    if (status === 0 && existsSync(result)) return;
    throw new Error(`building Pulumi ${ENGINE_VERSION} failed (status ${status}):\n${last.slice(-15).join("\n")}`);
  };
  const what = `building Pulumi ${ENGINE_VERSION} from its Go module (once; about ten minutes on two cores)`;
  await withProgress(what, onLine, work, () => `, ${modules} modules downloaded`);
  return result;
}

/** Builds with the Go at `go` into `folder`; gives the engine's path. */
export async function buildWithGo(go: string, folder: string, onLine: OnLine): Promise<string> {
  // GOFLAGS of the user may not hold for this module.
  const env = {
    ...process.env,
    GOFLAGS: "-mod=mod -buildvcs=false",
    GOTOOLCHAIN: "auto",
    CGO_ENABLED: "0",
  };
  return build({ command: go, args: ARGS, env, folder }, onLine);
}

/**
 * Builds with Debian's golang-go, installed by apt-get inside `root`, a writable root directory of trixie or newer that
 * the caller gives up for it (about 3 GB are used). Needs root's rights; its mounts end with it. Gives the path of the
 * engine inside `root`.
 */
export async function buildInside(root: string, onLine: OnLine): Promise<string> {
  const script = join(import.meta.dirname, "build-in-root.sh");
  const args = ["--mount", "--propagation", "private", "sh", script, root, ...ARGS];
  return build({ command: "unshare", args, env: process.env, folder: join(root, "engine") }, onLine);
}
