/** A builder and a server on one machine: real Nix, real OpenSSH over loopback, the real receiver at the far end. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isAwake } from "../../components/upload-hook/awake.ts";
import { Machine, type Ended, type Started } from "./upload-machine.ts";

export { noPair } from "./upload-machine.ts";

const state = "/var/lib/nix-binary-cache";
const roots = "/nix/var/nix/gcroots/nix-binary-cache";

const sshdConfig = (port: number): string => `ListenAddress 127.0.0.1:${port}
HostKey /etc/ssh/host
PidFile /run/sshd.pid
UsePAM no
PasswordAuthentication no
Subsystem sftp internal-sftp
Match User nix-push
  AuthorizedKeysFile ${state}/authorized_keys
  AuthenticationMethods publickey
  ExposeAuthInfo yes
  DisableForwarding yes
  PermitTTY no
  PermitUserRC no
`;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Everything that `cachectl queue --json` tells. */
export interface QueueNow {
  readonly waiting: readonly {
    readonly paths: readonly string[];
    readonly attempts: number;
    readonly reason: string;
  }[];
  readonly blocked?: { readonly reason: string; readonly attempts: number };
  readonly rejected: readonly { readonly name: string; readonly reason: string }[];
  readonly uploadedPaths: number;
  readonly skipped: { readonly excluded: number; readonly tooLarge: number };
}

/** See the file's comment. `make` first, `remove` at the end. */
export class Pair {
  readonly #folder = mkdtempSync(join(tmpdir(), "pair-"));
  readonly server = new Machine(join(this.#folder, "server"));
  readonly builder = new Machine(join(this.#folder, "builder"));
  readonly port: number;
  /** Where the builder's uploader goes, until it is configured otherwise. */
  serverSettings: { readonly host: string; readonly port: number; readonly hostKey: string };
  #settings: Readonly<Record<string, unknown>> = {};
  #built = 0;

  private constructor(port: number) {
    this.port = port;
    this.serverSettings = { host: "127.0.0.1", port, hostKey: "" };
    // The account that takes uploads reads below it.
    chmodSync(this.#folder, 0o755);
  }

  static async make(): Promise<Pair> {
    const pair = new Pair(await freePort());
    try {
      await Promise.all([pair.server.boot(), pair.builder.boot()]);
      pair.#furnish();
      await pair.startSshd();
    } catch (error) {
      await pair.remove();
      throw error;
    }
    return pair;
  }

  async remove(): Promise<void> {
    await Promise.all([this.server.kill(), this.builder.kill()]);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #furnish(): void {
    const { server, builder, port } = this;
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", join(server.root, "etc/ssh/host")]);
    server.write("/etc/ssh/sshd_config", sshdConfig(port));
    server.write(`${state}/config.json`, "{}");
    this.serverSettings = { ...this.serverSettings, hostKey: server.read("/etc/ssh/host.pub").trim() };
    this.configure({ name: "builder", system: "x86_64-linux", server: this.serverSettings });
    const halves = JSON.parse(builder.must(["cachectl", "keys", "init"])) as object;
    const registration = { name: "builder", system: "x86_64-linux", ...halves };
    server.must(["cachectl", "builders", "add"], JSON.stringify(registration));
  }

  /** Changes the uploader's settings. */
  configure(settings: Readonly<Record<string, unknown>>): void {
    this.#settings = { ...this.#settings, ...settings };
    this.builder.write(`${state}/config.json`, JSON.stringify(this.#settings));
  }

  /** It listens already when it has gone to the background. */
  restartSshd(): void {
    this.stopSshd();
    this.server.must(["/usr/sbin/sshd", "-f", "/etc/ssh/sshd_config"]);
  }

  async startSshd(): Promise<void> {
    this.restartSshd();
    while (!(await isAwake("127.0.0.1", this.port))) await sleep(20);
  }

  /** Ends sshd and its sessions: the server is gone for the builder. */
  stopSshd(): void {
    // Of this machine's own process namespace only.
    this.server.run([
      "sh",
      "-c",
      "for p in /proc/[0-9]*; do case $(readlink $p/exe) in */sshd*) kill -9 ${p#/proc/};; esac; done",
    ]);
  }

  /** Builds `count` small paths and has the hook queue each. Gives the paths. */
  build(count: number, size = 10): string[] {
    const built = this.buildOnly(count, size);
    this.hook(built);
    return built;
  }

  /** Builds as `build` does, without the hook. */
  buildOnly(count: number, size = 10): string[] {
    const from = this.#built;
    this.#built += count;
    const text = `map (n: derivation {
      name = "build-\${toString n}"; system = builtins.currentSystem; builder = "/bin/sh";
      args = [ "-c" "i=0; while [ $i -lt ${size} ]; do echo \${toString n}; i=$((i+1)); done > $out" ];
    }) (builtins.genList (n: n + ${from}) ${count})`;
    this.builder.write("/build.nix", text);
    return this.builder.must(["nix-build", "--no-out-link", "-j4", "/build.nix"]).split("\n");
  }

  /** Builds a path that refers to another one, and has the hook queue the first only. Gives both, the first one first. */
  buildOn(name: string, needed: string): string[] {
    const text = `rec {
      needed = derivation { name = "${needed}"; system = builtins.currentSystem; builder = "/bin/sh";
        args = [ "-c" "echo ${needed} > $out" ]; };
      built = derivation { name = "${name}"; system = builtins.currentSystem; builder = "/bin/sh";
        args = [ "-c" "echo \${needed} > $out" ]; };
    }`;
    this.builder.write("/build.nix", text);
    const built = this.builder.must(["nix-build", "--no-out-link", "/build.nix", "-A", "built"]);
    this.hook([built]);
    return [built, ...this.builder.must(["nix-store", "--query", "--references", built]).split("\n")];
  }

  /** Runs the hook once a path, as Nix does after a build. */
  hook(paths: readonly string[]): void {
    const text = "while read -r path; do OUT_PATHS=$path sh /usr/local/lib/nix-binary-cache/hook/upload-hook.sh; done";
    const { stderr } = this.builder.run(["sh", "-c", text], paths.map((path) => `${path}\n`).join(""), 600_000);
    if (stderr !== "") throw new Error(stderr);
  }

  upload(): Ended {
    return this.builder.run(["cachectl", "upload", "--json"], "", 600_000);
  }

  startUpload(): Started {
    return this.builder.start(["cachectl", "upload", "--json"]);
  }

  queue(): QueueNow {
    return JSON.parse(this.builder.must(["cachectl", "queue", "--json"])) as QueueNow;
  }

  /** Those of the paths that are valid on the server, rooted there, and so still there after a garbage collection. */
  arrived(paths: readonly string[]): string[] {
    const rooted = new Set(this.server.list(`${roots}/uploads/builder`));
    const ask = ["nix-store", "--check-validity", "--print-invalid", ...paths];
    const invalid = new Set(this.server.must(ask).split("\n"));
    return paths.filter((path) => !invalid.has(path) && rooted.has(path.slice("/nix/store/".length)));
  }
}
