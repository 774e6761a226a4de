/** A server for tests of the receiver: real folders, two registered builders, the double of Nix, the caller's streams. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { randomBytes } from "node:crypto";
import type { Host } from "../../nix/cachectl/receive/host.ts";
import { receive } from "../../nix/cachectl/receive/receive.ts";
import { makeKey, type TestKey } from "./receive-protocol.ts";

/** A registered builder with both its keys. */
export interface TestBuilder {
  readonly name: string;
  readonly sshKey: string;
  readonly key: TestKey;
}

/** What came of a call. */
export interface CallResult {
  readonly status: number;
  readonly output: Buffer;
  readonly errors: string;
}

/** An ssh public key of random bytes. */
export function makeSshKey(): string {
  const blob = Buffer.concat([Buffer.from("\0\0\0\x0bssh-ed25519\0\0\0\x20", "latin1"), randomBytes(32)]);
  return `ssh-ed25519 ${blob.toString("base64")}`;
}

/** See the file's comment. `remove` at the end. */
export class TestServer {
  readonly folder = mkdtempSync(join(tmpdir(), "receive-"));
  readonly state = join(this.folder, "state");
  readonly roots = join(this.folder, "roots");
  readonly store = join(this.folder, "store.json");
  readonly alpha = this.#register("alpha");
  readonly beta = this.#register("beta");
  config: unknown = {};

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  /** Makes a builder known by its tailnet node, as `cachectl builders add` does under Tailscale SSH. */
  knowByTailnet(builder: TestBuilder, tailnet: string): void {
    const registration = { name: builder.name, system: "x86_64-linux", signingKey: builder.key.publicKey, tailnet };
    writeFileSync(join(this.state, "builders", `${builder.name}.json`), JSON.stringify(registration));
  }

  /** The environment that Tailscale SSH gives a session; `node` is what a double of `tailscale whois` says of the caller. */
  tailscaleEnvironment(node: object): NodeJS.ProcessEnv {
    const folder = join(this.folder, "tailnet");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "whois.json"), JSON.stringify({ Node: node }));
    writeFileSync(join(folder, "tailscale"), `#!/bin/sh\ncat '${folder}/whois.json'\n`, { mode: 0o755 });
    return { PATH: `${folder}:${process.env.PATH ?? ""}`, SSH_CLIENT: "100.80.1.30 50000 22" };
  }

  #register(name: string): TestBuilder {
    const builder = { name, sshKey: makeSshKey(), key: makeKey(`${name}-1`) };
    mkdirSync(join(this.state, "builders"), { recursive: true });
    const registration = { name, system: "x86_64-linux", sshKey: builder.sshKey, signingKey: builder.key.publicKey };
    writeFileSync(join(this.state, "builders", `${name}.json`), JSON.stringify(registration));
    return builder;
  }

  /** Where the double of a program is. */
  program(name: string): string {
    const file = join(this.folder, name);
    if (!existsSync(file)) {
      const double = join(import.meta.dirname, "receive-nix-double.ts");
      writeFileSync(file, `#!/bin/sh\nexec '${process.execPath}' '${double}' '${this.store}' ${name} "$@"\n`);
      chmodSync(file, 0o755);
    }
    return file;
  }

  /** The environment that sshd gives a session authenticated with a key. */
  environment(sshKey: string): NodeJS.ProcessEnv {
    const file = join(this.folder, `sshauth.${randomBytes(8).toString("hex")}`);
    writeFileSync(file, `publickey ${sshKey}\n`, { mode: 0o600 });
    return { PATH: process.env.PATH, SSH_USER_AUTH: file, SSH_CLIENT: "100.80.1.30 50000 22" };
  }

  /** Calls the receiver as `sshKey`'s owner would through sshd. */
  async call(
    sshKey: string,
    command: string | undefined,
    input: Buffer | string | Readable = "",
    environment: NodeJS.ProcessEnv = this.environment(sshKey),
    stop: AbortSignal = new AbortController().signal,
  ): Promise<CallResult> {
    const [output, errors] = [new PassThrough(), new PassThrough()];
    const collected = { output: [] as Buffer[], errors: [] as Buffer[] };
    output.on("data", (chunk: Buffer) => collected.output.push(chunk));
    errors.on("data", (chunk: Buffer) => collected.errors.push(chunk));
    const host: Host = {
      stateDirectory: this.state,
      rootsDirectory: this.roots,
      storeDirectory: this.folder,
      config: this.config,
      environment,
      program: (name) => this.program(name),
      input: input instanceof Readable ? input : Readable.from([Buffer.from(input)]),
      output,
      errors,
    };
    const status = await receive(command === undefined ? [] : ["-c", command], host, stop);
    await new Promise((resolve) => setImmediate(resolve));
    return { status, output: Buffer.concat(collected.output), errors: Buffer.concat(collected.errors).toString() };
  }

  /** Base names of a builder's roots. */
  rootsOf(kind: "incoming" | "uploads", builder: string): string[] {
    const folder = join(this.roots, kind, builder);
    return existsSync(folder) ? readdirSync(folder).sort() : [];
  }

  /** The audit log, line by line. */
  audit(): Record<string, unknown>[] {
    const text = readFileSync(join(this.state, "audit.log"), "utf8");
    return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Record<string, unknown>]));
  }
}
