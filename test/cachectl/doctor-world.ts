/** A machine for the doctor: folders of its own, doubles of every program on its PATH, a cache on loopback. */
import { createServer, type IncomingMessage, type Server } from "node:http";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { checks } from "../../nix/cachectl/doctor/checks.ts";
import { diagnose } from "../../nix/cachectl/doctor/diagnose.ts";
import type { Finding } from "../../nix/cachectl/doctor/finding.ts";
import { lookAround, type Machine } from "../../nix/cachectl/doctor/machine.ts";
import { pathsFrom, type Paths } from "../../nix/cachectl/lib/paths.ts";
import { makeSigningKey, publicHalf } from "../../nix/cachectl/keys/signing-key.ts";
import { base32, makeKey, signedUpload, type TestKey, type Upload } from "./receive-protocol.ts";
import { createHash } from "node:crypto";

const never = new AbortController().signal;

/** What a double of a program answers. */
export interface Said {
  readonly out?: string;
  readonly err?: string;
  readonly status?: number | "hang";
}

/** A double of the server's nginx: what it answers can be changed one by one. */
export class CacheDouble {
  readonly key: TestKey = makeKey("server-cache-1");
  readonly upload: Upload = signedUpload(this.key, "known", 2000);
  info = "StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 50\n";
  status = 200;
  nar: Buffer = this.upload.nar;
  narStatus = 200;
  signatures: readonly string[] = this.upload.signatures ?? [];
  known = true;
  /** Milliseconds that its clock is ahead. */
  ahead = 0;
  readonly server: Server = createServer((request, response) => {
    response.sendDate = false;
    response.setHeader("date", new Date(Date.now() + this.ahead).toUTCString());
    const { status, body } = this.#answer(request);
    response.statusCode = status;
    response.end(body);
  });

  async listen(): Promise<number> {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    return (this.server.address() as AddressInfo).port;
  }

  #answer({ url = "" }: IncomingMessage): { readonly status: number; readonly body: string | Buffer } {
    if (this.status !== 200) return { status: this.status, body: "no" };
    if (url.split("?")[0] === "/nix-cache-info") return { status: 200, body: this.info };
    if (url === "/") return { status: 200, body: `<html data-known-path="${this.upload.path}">` };
    if (url.endsWith(".nar")) return { status: this.narStatus, body: this.nar };
    return this.known && url === `/${this.upload.path.slice(11, 43)}.narinfo`
      ? { status: 200, body: this.#narinfo() }
      : { status: 404, body: "" };
  }

  #narinfo(): string {
    const { path, nar } = this.upload;
    const hash = base32(createHash("sha256").update(nar).digest());
    return [
      `StorePath: ${path}`,
      "URL: nar/known.nar",
      "Compression: none",
      `NarHash: sha256:${hash}`,
      `NarSize: ${nar.length}`,
      "References: ",
      ...this.signatures.map((signature) => `Sig: ${signature}`),
      "",
    ].join("\n");
  }
}

export type WorldKind = "builder" | "client" | "server";

/** All that can go wrong goes well, until a test changes it. */
export class World {
  readonly folder = mkdtempSync(join(tmpdir(), "nix-binary-cache-doctor-"));
  readonly doubles = join(this.folder, "doubles");
  readonly paths: Paths;
  readonly cache = new CacheDouble();
  readonly kind: WorldKind;
  readonly hook = join(this.folder, "nix", "upload-to-cache.sh");
  readonly signingKey = makeSigningKey("server-cache-1");
  url = "";
  nix: Record<string, unknown> = {};
  config: Record<string, unknown> | undefined;
  tailnet: Record<string, unknown> = {};

  constructor(kind: WorldKind) {
    this.kind = kind;
    this.paths = pathsFrom({
      NIX_BINARY_CACHE_STATE: join(this.folder, "state"),
      NIX_BINARY_CACHE_ROOTS: join(this.folder, "roots"),
    });
    for (const name of [
      "state/keys",
      "state/queue/waiting",
      "roots",
      "nix",
      "proc/42",
      "library/hook",
      "signing",
      "doubles",
    ])
      mkdirSync(join(this.folder, name), { recursive: true });
    for (const name of ["tailscale", "nix", "ssh", "systemctl", "getent"]) this.add(name);
  }

  /** Starts the cache and writes down a machine on which everything is as it should be. */
  async build(): Promise<this> {
    const port = await this.cache.listen();
    this.url = `http://127.0.0.1:${port}`;
    this.nix = {
      substituters: ["https://cache.nixos.org?priority=40", this.url],
      "trusted-public-keys": [makeKey("cache.nixos.org-1").publicKey, this.cache.key.publicKey],
      "require-sigs": true,
      fallback: true,
      "connect-timeout": 3,
      "download-attempts": 1,
      "narinfo-cache-negative-ttl": 60,
      "post-build-hook": this.hook,
    };
    this.tailnet = {
      BackendState: "Running",
      Health: [],
      Self: { DNSName: "desktop.example.ts.net.", HostName: "desktop", TailscaleIPs: ["100.64.0.2"], Online: true },
      Peer: { a: { DNSName: "server.example.ts.net.", HostName: "server", TailscaleIPs: ["127.0.0.1"], Online: true } },
    };
    this.config = this.#config(port);
    this.write("nix/nix.conf", "fallback = true\n");
    this.write("proc/stat", `btime ${Math.floor(Date.now() / 1000) - 5000}\n`);
    this.write("proc/42/comm", "nix-daemon\n");
    this.startDaemon(4000);
    this.age("nix/nix.conf", 3600);
    this.write("nix/upload-to-cache.sh", "#!/bin/sh\n# nix-binary-cache\n");
    this.write("library/hook/upload-hook.sh", "#!/bin/sh\n# nix-binary-cache\n");
    chmodSync(this.hook, 0o755);
    for (const name of ["ssh", "signing.secret"]) {
      this.write(`state/keys/${name}`, "desktop-1:c2VjcmV0\n");
      chmodSync(join(this.paths.keys, name), 0o400);
    }
    this.say("ssh", { out: JSON.stringify(roomAnswer({})) });
    this.state({ lastSuccess: Date.now() - 60_000, lastAttempt: Date.now() - 60_000 });
    this.#records();
    return this;
  }

  #config(port: number): Record<string, unknown> | undefined {
    const hostKey = `ssh-ed25519 ${"A".repeat(68)}`;
    const server = { host: "127.0.0.1", port: 22, user: "nix-push", hostKey };
    if (this.kind === "builder") return { name: "desktop", system: "x86_64-linux", server };
    if (this.kind === "client") return undefined;
    return {
      cache: { url: this.url, port, priority: 50, publicKeys: [this.cache.key.publicKey, publicHalf(this.signingKey)] },
      server: { name: "server", address: "127.0.0.1" },
      signing: { directory: join(this.folder, "signing"), keys: ["server-cache-1"] },
      limits: { minFreeBytes: 1 },
    };
  }

  #records(): void {
    const finished = new Date(Date.now() - 3600_000).toISOString();
    this.populate({ finished });
    this.retain({ time: finished });
    this.scrub({ lastWhole: finished });
    this.canary({ at: Date.now() - 60_000, seconds: 1 });
    this.audit("desktop", { verb: "commit" });
    if (this.kind !== "server") return;
    this.write("signing/server-cache-1.secret", this.signingKey);
    chmodSync(join(this.folder, "signing", "server-cache-1.secret"), 0o400);
    this.shell(this.hook);
  }

  populate(changes: Record<string, unknown>): void {
    const result = { version: 1, host: "server", flake: "f", problems: [], stopped: false, outputs: [], ...changes };
    this.write("state/populate.json", JSON.stringify(result));
  }

  retain(changes: Record<string, unknown>): void {
    this.write("state/retain.json", JSON.stringify({ version: 1, seconds: 1, outcome: "done", ...changes }));
  }

  scrub(changes: Record<string, unknown>): void {
    const finished = new Date(Date.now() - 3600_000).toISOString();
    const record = {
      version: 1,
      time: finished,
      updated: finished,
      outcome: "done",
      position: "",
      checked: 1,
      total: 1,
    };
    this.write("state/scrub.json", JSON.stringify({ ...record, findings: [], ...changes }));
  }

  canary(run: Record<string, unknown>): void {
    this.write("state/canary.json", JSON.stringify([run]));
  }

  /** One call in the receiver's log. */
  audit(builder: string, call: Record<string, unknown>): void {
    const time = new Date(Date.now() - 60_000).toISOString();
    this.write("state/audit.log", `${JSON.stringify({ time, builder, paths: 1, outcome: "done", ms: 5, ...call })}\n`);
  }

  /** The login shell of the account that takes uploads. */
  shell(file: string): void {
    this.say("getent", { out: `nix-push:x:999:999::/var/empty:${file}\n` });
  }

  state(state: Record<string, unknown>): void {
    this.write("state/state.json", JSON.stringify(state));
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.folder, name), text);
  }

  /** Makes a file as old as so many seconds. */
  age(name: string, seconds: number): void {
    const time = Date.now() / 1000 - seconds;
    utimesSync(join(this.folder, name), time, time);
  }

  /** The daemon was started so many seconds after a boot that was 5000 seconds ago. */
  startDaemon(secondsAfterBoot: number): void {
    const fields = Array.from({ length: 18 }, () => "0").join(" ");
    this.write("proc/42/stat", `42 (nix-daemon) S ${fields} ${secondsAfterBoot * 100} 0\n`);
  }

  /** Has a program's double say something; `name-verb` for one of its verbs. */
  say(name: string, { out = "", err = "", status = 0 }: Said): void {
    for (const [end, text] of Object.entries({ out, err, status: `${status}\n` }))
      this.write(`doubles/${name}.${end}`, text);
  }

  /** Adds a double of a program. */
  add(name: string): void {
    symlinkSync(resolve("test/cachectl/doctor-doubles/answer"), join(this.doubles, name));
  }

  machine(): Machine {
    this.say("nix", {
      out: JSON.stringify(Object.fromEntries(Object.entries(this.nix).map(([name, value]) => [name, { value }]))),
    });
    if (Object.keys(this.tailnet).length > 0) this.say("tailscale-status", { out: JSON.stringify(this.tailnet) });
    if (this.config !== undefined) this.write("state/config.json", JSON.stringify(this.config));
    const env = {
      PATH: `${this.doubles}:/usr/bin:/bin`,
      HOME: this.folder,
      XDG_CACHE_HOME: join(this.folder, "cache"),
    };
    const places = {
      nixConf: join(this.folder, "nix"),
      proc: join(this.folder, "proc"),
      library: join(this.folder, "library"),
    };
    return lookAround({ paths: this.paths, env, stop: never }, places);
  }

  diagnose(): Promise<readonly Finding[]> {
    const machine = this.machine();
    return diagnose(
      machine,
      checks.filter(({ roles }) => roles.some((role) => machine.roles.includes(role))),
    );
  }

  close(): void {
    this.cache.server.closeAllConnections();
    this.cache.server.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const gibibyte = 1024 ** 3;

/** The receiver's answer to `status`. */
export function roomAnswer(store: Record<string, number>, bytes: Record<string, number> = {}): unknown {
  return {
    version: "1",
    store: { freeBytes: 100 * gibibyte, totalBytes: 500 * gibibyte, minFreeBytes: gibibyte, ...store },
    bytes: { today: 0, dailyLimit: 512 * gibibyte, ...bytes },
  };
}
