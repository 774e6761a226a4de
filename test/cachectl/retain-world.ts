import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import {
  existsSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { StoreAccess } from "../../nix/cachectl/receive/store-query.ts";

const cachectl = resolve(import.meta.dirname, "../../nix/cachectl/main.ts");
const inNamespace = resolve(import.meta.dirname, "retain-nix.sh");
const store = resolve(import.meta.dirname, "retain-store.nix");

/** Something to build. */
export interface Package {
  readonly name: string;
  readonly size: number;
  readonly references?: readonly string[];
}

/** What a program came to. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A server's real Nix, with a `/nix` of its own in a mount namespace; and cachectl on it. */
export class RetainWorld {
  readonly folder = mkdtempSync(join(tmpdir(), "retain-world-"));
  /** What is /nix inside. */
  readonly nix = join(this.folder, "nix");
  readonly state: string = join(this.folder, "state");
  readonly roots = join(this.nix, "var/nix/gcroots/nix-binary-cache");
  /** Where paths can be fetched from anew: a binary cache in a folder. */
  readonly substituter = join(this.folder, "substituter");
  /** nginx's access log. */
  readonly accessLog = join(this.folder, "access.log");
  readonly #environment: NodeJS.ProcessEnv;

  /** Why there can't be one here; undefined when there can. */
  static readonly missing = missingHere();

  #daemon: ChildProcess | undefined;
  readonly #diskBytes: number | undefined;

  /** With `diskBytes`, /nix and the state lie on a disk of that size of their own: only root can make one. */
  constructor({ diskBytes }: { readonly diskBytes?: number } = {}) {
    this.#diskBytes = diskBytes;
    if (diskBytes !== undefined) {
      mkdirSync(this.nix);
      this.#mount("mount", "-t", "tmpfs", "-o", `size=${diskBytes}`, "retain-world", this.nix);
      this.state = join(this.nix, "state");
    }
    for (const folder of [this.nix, this.state, join(this.folder, "etc"), this.roots])
      mkdirSync(folder, { recursive: true });
    const settings = [
      "sandbox = false",
      "build-users-group =",
      "experimental-features = nix-command",
      "require-sigs = false",
    ];
    writeFileSync(
      join(this.folder, "etc/nix.conf"),
      `${[...settings, `substituters = file://${this.substituter}`].join("\n")}\n`,
    );
    this.#environment = {
      PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ""}`,
      HOME: this.folder,
      NIX_CONF_DIR: join(this.folder, "etc"),
      NIX_BINARY_CACHE_STATE: this.state,
      NIX_BINARY_CACHE_ACCESS_LOG: this.accessLog,
    };
    this.must("nix-store", "--init");
  }

  /** Writes config.json. */
  configure(retention: Readonly<Record<string, unknown>>): void {
    writeFileSync(join(this.state, "config.json"), JSON.stringify({ retention: { minFree: 0, ...retention } }));
  }

  /** Builds packages; their store paths, by name. They refer to each other by name. */
  build(packages: readonly Package[]): Map<string, string> {
    const file = join(this.folder, "packages.json");
    writeFileSync(file, JSON.stringify(packages));
    const options = ["--no-out-link", "--option", "substitute", "false", "--arg", "packages", file];
    const paths = this.must("nix-build", store, ...options)
      .trim()
      .split("\n");
    return new Map(packages.map(({ name }, index) => [name, paths[index] ?? ""]));
  }

  /** Adds files as they are: fast, without references. Their store paths. */
  add(count: number, size: number, name = "file"): string[] {
    const files = Array.from({ length: count }, (_, index) => join(this.folder, `${name}-${index}`));
    for (const [index, file] of files.entries()) writeFileSync(file, String(index).padEnd(size, "."));
    return this.must("nix-store", "--add", ...files)
      .trim()
      .split("\n");
  }

  /** Makes a root in one of our areas, as old as said. */
  root(folder: string, path: string, daysOld: number, name = basename(path)): string {
    const file = join(this.roots, folder, name);
    mkdirSync(dirname(file), { recursive: true });
    symlinkSync(path, file);
    const time = Date.now() / 1000 - daysOld * 86_400;
    lutimesSync(file, time, time);
    return file;
  }

  /** The names that are left in a folder of roots. */
  rootsIn(folder: string): string[] {
    return readdirSync(join(this.roots, folder)).sort();
  }

  /** Whether a path is valid: by Nix's word, and there. */
  has(path: string): boolean {
    return this.run("nix-store", "--check-validity", path).status === 0;
  }

  /** Whether a path's files are there: without asking Nix. */
  lies(path: string): boolean {
    return existsSync(this.physical(path));
  }

  /** `nix-store` of this world, for what is called within the test's own process. */
  get access(): StoreAccess {
    const environment = { ...this.#environment, RETAIN_NIX: this.nix, RETAIN_NAMESPACE: namespace.join(" ") };
    return { program: resolve(import.meta.dirname, "retain-nix-store.sh"), environment, timeout: 60_000 };
  }

  /** A file of the store's, as it lies on the disk. */
  physical(path: string): string {
    return join(this.nix, path.slice("/nix/".length));
  }

  /** What Nix says of the whole store, every file hashed anew: empty when all is well. */
  verify(): string {
    const { status, stderr } = this.run("nix-store", "--verify", "--check-contents");
    const complaints = stderr.split("\n").filter((line) => !/^(?:reading the Nix|checking |waiting for |$)/.test(line));
    return status === 0 ? complaints.join("\n") : `status ${status}: ${stderr}`;
  }

  cachectl(...args: readonly string[]): Ended {
    return this.run(process.execPath, cachectl, ...args);
  }

  /** cachectl's answer in JSON. */
  json(...args: readonly string[]): Record<string, unknown> {
    const { stdout, stderr } = this.cachectl(...args, "--json");
    if (!stdout.startsWith("{")) throw new Error(`no JSON in ${stdout}; ${stderr}`);
    return JSON.parse(stdout) as Record<string, unknown>;
  }

  /** The record of the last run that `retain` or `scrub` left. */
  record(file: string): Record<string, unknown> {
    return JSON.parse(readFileSync(join(this.state, file), "utf8")) as Record<string, unknown>;
  }

  /** From here on everything goes through a daemon, as the server's units do: they see the store read-only. */
  async useDaemon(): Promise<void> {
    this.#daemon = spawn("unshare", this.#inside(["nix-daemon"]), { env: this.#environment, stdio: "ignore" });
    const socket = join(this.nix, "var/nix/daemon-socket/socket");
    while (!existsSync(socket)) await pause(20);
    this.#environment.NIX_REMOTE = "daemon";
  }

  start(...args: readonly string[]): ChildProcess {
    return spawn("unshare", this.#inside([process.execPath, cachectl, ...args]), { env: this.#environment });
  }

  run(...command: readonly string[]): Ended {
    const options = { env: this.#environment, encoding: "utf8", timeout: 120_000, maxBuffer: 64 * 1024 ** 2 } as const;
    const { status, stdout, stderr } = spawnSync("unshare", this.#inside(command), options);
    return { status, stdout, stderr };
  }

  must(...command: readonly string[]): string {
    const { status, stdout, stderr } = this.run(...command);
    if (status !== 0) throw new Error(`${command.join(" ")} ended with ${status}: ${stderr}`);
    return stdout;
  }

  remove(): void {
    this.#daemon?.kill();
    if (this.#diskBytes !== undefined) this.#mount("umount", this.nix);
    // The store's folders are read-only: as root they go all the same.
    rmSync(this.folder, { recursive: true, force: true });
  }

  #mount(program: string, ...args: readonly string[]): void {
    const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
    if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr}`);
  }

  #inside(command: readonly string[]): string[] {
    return [...namespace, inNamespace, this.nix, ...command];
  }
}

const namespace = process.getuid?.() === 0 ? ["--mount"] : ["--mount", "--user", "--map-root-user"];

function missingHere(): string | undefined {
  if (spawnSync("nix-store", ["--version"]).status !== 0)
    return "there is no Nix here (Debian: apt-get install nix-bin)";
  const options = process.getuid?.() === 0 ? ["--mount"] : ["--mount", "--user", "--map-root-user"];
  if (spawnSync("unshare", [...options, "true"]).status !== 0) return "mount namespaces are closed to this user";
  return undefined;
}

/** Gives each test of the suite that calls it a world of its own; skips them, saying why, where there can be none. */
export function forEachTest(use: (world: RetainWorld) => void): void {
  let world: RetainWorld;
  before(function () {
    if (RetainWorld.missing === undefined) return;
    console.log(`      left out: ${RetainWorld.missing}`);
    this.skip();
  });
  beforeEach(() => {
    world = new RetainWorld();
    use(world);
  });
  afterEach(() => world.remove());
}
