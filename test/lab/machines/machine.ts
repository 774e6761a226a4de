/** One machine of the lab: a Debian root of its own in namespaces of its own, with its own Nix store, daemon and sshd. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { basename, dirname } from "node:path";
import type { Instance, MachineName } from "../instance.ts";
import { bootMachine, haltMachine, runningPid } from "./boot.ts";
import { cutLink, restoreLink } from "./network.ts";
import { type Ended, must, run, type RunOptions } from "./process.ts";

export interface MachineRunOptions {
  readonly stdin?: string | Buffer;
  /** @default 60; the command is killed after that, with what it started in its process group */
  readonly timeoutSeconds?: number;
  /** @default root */
  readonly user?: string;
  /** Added to the environment of a login. */
  readonly env?: Readonly<Record<string, string>>;
  readonly onOutput?: (text: string) => void;
}

const PATH = "/run/current-system/sw/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export class Machine {
  readonly name: MachineName;
  readonly instance: Instance;
  /** On the tailnet. */
  readonly address: string;

  constructor(instance: Instance, name: MachineName) {
    this.instance = instance;
    this.name = name;
    this.address = instance.addresses[name];
  }

  /** The id by which the host knows the machine's first process. @throws Error when the machine is down */
  get pid(): number {
    const pid = runningPid(this.instance, this.name);
    if (pid === undefined) throw new Error(`${this.name} is down: npm start brings it back`);
    return pid;
  }

  /** The key that ssh is to expect, "ssh-ed25519 AAAA…". */
  async hostKey(): Promise<string> {
    const text = await this.readFile("/etc/ssh/ssh_host_ed25519_key.pub");
    return text.split(" ").slice(0, 2).join(" ").trim();
  }

  /** Runs a command inside, as on its console. Never throws for a failure of the command itself. */
  run(argv: readonly string[], options: MachineRunOptions = {}): Promise<Ended> {
    const { timeoutSeconds = 60, stdin, onOutput } = options;
    const bounded = ["timeout", "--kill-after=2", String(timeoutSeconds), ...argv];
    const outer: RunOptions = {
      timeoutSeconds: timeoutSeconds + 10,
      ...(stdin !== undefined && { stdin }),
      ...(onOutput && { onOutput }),
    };
    return run(this.#inside(bounded, options), outer);
  }

  /** Runs a command that must succeed. @throws Error with the last lines of what it said */
  async must(argv: readonly string[], options: MachineRunOptions = {}): Promise<Ended> {
    const done = await this.run(argv, options);
    if (done.code === 0) return done;
    const said = (done.stderr.trim() || done.stdout.trim()).split("\n").slice(-12).join("\n");
    throw new Error(`${this.name}: ${argv.slice(0, 6).join(" ")}: failed (status ${done.code}): ${said}`);
  }

  /** The argument list that runs a command inside, from the host. */
  #inside(argv: readonly string[], { user = "root", env = {} }: MachineRunOptions): string[] {
    const home = user === "root" ? "/root" : `/home/${user}`;
    const variables = { PATH, LANG: "C.UTF-8", HOME: home, USER: user, TERM: process.env.TERM ?? "dumb", ...env };
    const login = user === "root" ? [] : ["setpriv", "--reuid", user, "--regid", user, "--init-groups", "--"];
    return [
      ...["nsenter", "--target", String(this.pid), "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd"],
      ...["--", "env", "-i", ...Object.entries(variables).map(([key, value]) => `${key}=${value}`), ...login, ...argv],
    ];
  }

  /** Puts a file in place by rename. */
  async writeFile(path: string, text: string | Buffer, mode: number): Promise<void> {
    const script =
      'mkdir -p "$(dirname "$1")" && umask 077 && cat >"$1.new" && chmod "$2" "$1.new" && mv -f "$1.new" "$1"';
    await this.must(["sh", "-c", script, "sh", path, mode.toString(8)], { stdin: text });
  }

  async readFile(path: string): Promise<string> {
    return (await this.must(["cat", "--", path])).stdout;
  }

  async exists(path: string): Promise<boolean> {
    return (await this.run(["test", "-e", path])).code === 0;
  }

  /** Copies a file or folder of the host to `path`, which must not be there. */
  async copyIn(hostPath: string, path: string): Promise<void> {
    const folder = dirname(hostPath);
    const packed = await packFolder(folder, basename(hostPath));
    const script =
      'rm -rf "$1.copy" && mkdir -p "$1.copy" && tar -C "$1.copy" -xf - && mv "$1.copy/$2" "$1" && rmdir "$1.copy"';
    await this.must(["sh", "-c", script, "sh", path, basename(hostPath)], { stdin: packed });
  }

  /** Ends every process at once, as a power cut would, and boots again: /run, /tmp and /dev are new. */
  async reboot(): Promise<void> {
    await haltMachine(this.instance, this.name);
    await this.start();
  }

  /** Ends every process at once. What is on its disk stays. */
  halt(): Promise<void> {
    return haltMachine(this.instance, this.name);
  }

  /** Boots it, unless it runs. */
  start(): Promise<void> {
    return bootMachine(this.instance, this.name);
  }

  /** Takes it off the tailnet, also for connections that are open: its packets vanish. */
  cut(): Promise<void> {
    return cutLink(this.instance, this.name);
  }

  restore(): Promise<void> {
    return restoreLink(this.instance, this.name);
  }

  /** A shell for somebody at this terminal; gives its status. */
  async shell(): Promise<number> {
    const [program = "", ...args] = this.#inside(["/bin/bash", "-l"], {});
    const child = spawn(program, args, { stdio: "inherit" });
    const [code] = (await once(child, "exit")) as [number | null];
    return code ?? 1;
  }
}

async function packFolder(folder: string, name: string): Promise<Buffer> {
  const text = await must(["sh", "-c", 'tar -C "$1" -cf - -- "$2" | base64 -w 0', "sh", folder, name]);
  return Buffer.from(text, "base64");
}
