/** The real Nix with a store of its own, and git repositories beside it. */
import { execFileSync, type ChildProcess } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ownStore } from "../support/nix.ts";

const worlds = new Set<NixWorld>();

/** Removes every world that was made, at the end of a suite. */
export function removeWorlds(): void {
  for (const world of worlds) world.remove();
  worlds.clear();
}

/** See the file's comment. `removeWorlds` at the end. */
export class NixWorld {
  readonly folder: string;
  /** What was started in it, and ends with it. */
  readonly children: ChildProcess[] = [];
  readonly env: NodeJS.ProcessEnv;

  /** @param settings further lines of nix.conf @param disk the folder that it lies in */
  constructor(bin: string, settings: readonly string[] = [], disk = tmpdir()) {
    this.folder = mkdtempSync(join(disk, "populate-"));
    worlds.add(this);
    chmodSync(this.folder, 0o755);
    this.env = ownStore(this.folder, bin, settings);
  }

  /** Writes a file into a repository, which is made when there is none, and commits it. */
  write(repository: string, name: string, text: string): string {
    if (!existsSync(repository)) this.git(this.folder, "init", "--quiet", "--initial-branch=main", repository);
    mkdirSync(dirname(join(repository, name)), { recursive: true });
    writeFileSync(join(repository, name), text);
    this.git(repository, "add", "--", name);
    this.git(repository, "commit", "--quiet", "--message", `Change ${name}`);
    return this.git(repository, "rev-parse", "HEAD");
  }

  git(folder: string, ...args: readonly string[]): string {
    const identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "safe.directory=*"];
    const env = { PATH: "/usr/bin:/bin", HOME: this.folder };
    return execFileSync("git", [...identity, "-C", folder, ...args], { encoding: "utf8", env }).trim();
  }

  nix(...args: readonly string[]): string {
    const features = ["--extra-experimental-features", "nix-command flakes"];
    return execFileSync("nix", [...features, ...args], {
      encoding: "utf8",
      env: this.env,
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  /** Makes a signing key: the file of its secret half, and its public half. */
  signingKey(name: string): { readonly file: string; readonly publicKey: string } {
    const [file, publicFile] = [join(this.folder, `${name}.secret`), join(this.folder, `${name}.pub`)];
    execFileSync("nix-store", ["--generate-binary-cache-key", name, file, publicFile], { env: this.env });
    return { file, publicKey: readFileSync(publicFile, "utf8") };
  }

  /** Collects garbage. Nix looks into every process for paths in use: as root it is shown none, for there can be many. */
  collectGarbage(): void {
    const alone = process.getuid?.() === 0 ? ["unshare", "--pid", "--fork", "--mount-proc"] : [];
    const [program = "", ...args]: readonly string[] = [...alone, "nix-store", "--gc"];
    execFileSync(program, args, { env: this.env, stdio: "pipe" });
  }

  remove(): void {
    for (const child of this.children) child.kill("SIGKILL");
    execFileSync("chmod", ["-R", "u+w", this.folder]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
