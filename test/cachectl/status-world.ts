/** A server's state folder with a fortnight behind it, at a fixed time. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, lutimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathsFrom, type Paths } from "../../nix/cachectl/lib/paths.ts";
import { statusOf, type Status } from "../../nix/cachectl/status/status.ts";
import { diskSpace } from "../../nix/cachectl/receive/limits.ts";
import { storePath } from "./receive-protocol.ts";

export const now = Date.parse("2026-03-20T12:00:00Z");
const hour = 3600_000;
const day = 24 * hour;
const gibibyte = 1024 ** 3;

export class StatusWorld {
  readonly folder = mkdtempSync(join(tmpdir(), "nix-binary-cache-status-"));
  readonly log = join(this.folder, "access.log");
  readonly env: NodeJS.ProcessEnv;
  readonly paths: Paths;

  constructor() {
    const [state, roots] = [join(this.folder, "state"), join(this.folder, "roots")];
    this.env = {
      PATH: "/bin",
      NIX_BINARY_CACHE_STATE: state,
      NIX_BINARY_CACHE_ROOTS: roots,
      NIX_BINARY_CACHE_ACCESS_LOG: this.log,
      NIX_STORE_DIR: this.folder,
    };
    this.paths = pathsFrom(this.env);
    for (const name of ["state/builders", "state/status", "roots", "signing"])
      mkdirSync(join(this.folder, name), { recursive: true });
    this.json("config.json", {
      cache: { url: "http://server:5000", port: 5000, priority: 50, publicKeys: [`server-cache-1:${"A".repeat(43)}=`] },
      server: { name: "server", address: "server" },
      signing: { directory: join(this.folder, "signing") },
      retention: { diskBudget: "100GiB" },
      limits: { minFreeBytes: "1MiB" },
    });
  }

  /** Everything that a server comes to have. */
  fill(): this {
    this.json("builders/desktop.json", {});
    this.json("builders/macbook.json", {});
    writeFileSync(this.log, fortnight().join(""));
    writeFileSync(join(this.paths.state, "audit.log"), audit().join(""));
    this.#incoming("macbook", "waiting", now - 5 * hour);
    mkdirSync(join(this.paths.state, "announced", "macbook"), { recursive: true });
    this.json("announced/macbook/queue.json", { entries: 4, since: now - 6 * hour, at: now - hour });
    this.json("populate.json", populate);
    const free = diskSpace(this.paths.store).freeBytes;
    // In the two days since, half a GiB an hour, as before.
    this.json("retain.json", { ...retain, freeBytesAfter: free + 24 * gibibyte });
    const hours = Array.from({ length: 13 * 24 }, (_, index) => 13 * 24 - index);
    this.json(
      "status/disk.json",
      hours.map((ago) => ({ at: now - ago * hour, freeBytes: free + (ago * gibibyte) / 2 })),
    );
    this.json("canary.json", canaries());
    this.json("scrub.json", scrub);
    return this;
  }

  json(name: string, value: unknown): void {
    writeFileSync(join(this.paths.state, name), JSON.stringify(value));
  }

  status(at = now): Status {
    return statusOf({ paths: this.paths, env: this.env, stop: new AbortController().signal }, at);
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #incoming(builder: string, name: string, at: number): void {
    const folder = join(this.paths.roots, "incoming", builder);
    mkdirSync(folder, { recursive: true });
    const link = join(folder, name);
    symlinkSync(storePath(name), link);
    lutimesSync(link, at / 1000, at / 1000);
    utimesSync(folder, now / 1000, now / 1000);
  }
}

/** One line of nginx's log. */
export function logLine(
  at: number,
  uri: string,
  changes: { status?: number; bytes?: number; cached?: string; port?: number } = {},
): string {
  const { status = 200, bytes = 100, cached = "-", port = 5000 } = changes;
  return `${(at / 1000).toFixed(3)} ${port} ${status} ${bytes} ${cached} 0.010 ${uri}\n`;
}

const narinfo = `/${"a".repeat(32)}.narinfo`;
const nar = `/nar/${"b".repeat(52)}.nar?hash=${"a".repeat(32)}`;

/** Each day four paths asked for, of which three are here, and two NARs, one of them out of nginx's cache. */
function fortnight(): string[] {
  return Array.from({ length: 14 }, (_, index) => now - (13 - index) * day - hour).flatMap((at, index) => [
    ...[200, 200, 200, 404].map((status) => logLine(at, narinfo, { status })),
    logLine(at, nar, { bytes: (index + 1) * gibibyte, cached: "HIT" }),
    logLine(at, nar, { bytes: gibibyte }),
    // nginx speaking with itself, and a narinfo while what is behind it restarts.
    logLine(at, nar, { bytes: gibibyte, port: 5002 }),
    logLine(at, narinfo, { status: 503 }),
  ]);
}

function audit(): string[] {
  const call = (at: number, builder: string | null, verb: string, more: Record<string, unknown> = {}): string =>
    `${JSON.stringify({ time: new Date(at).toISOString(), builder, verb, paths: 3, refused: 0, bytes: 0, outcome: "done", ms: 100, ...more })}\n`;
  const uploads = Array.from({ length: 10 }, (_, index) => now - (10 - index) * hour).flatMap((at, index) => [
    call(at, "desktop", "announce"),
    call(at + 200, "desktop", "serve", { bytes: 1024 ** 2, ms: 1000 }),
    call(at + 1000 + index * 100, "desktop", "commit", { refused: 1 }),
  ]);
  return [
    ...uploads,
    call(now - 2 * hour, null, "commit", { outcome: "refused", reason: "unknown" }),
    call(now - hour, "macbook", "announce"),
    call(now - hour + 5, "macbook", "serve", { outcome: "refused", reason: "the disk is <full>" }),
    "half a line",
  ];
}

const populate = {
  version: 1,
  host: "server",
  flake: "github:example/flake",
  started: new Date(now - 7 * hour).toISOString(),
  finished: new Date(now - 6 * hour).toISOString(),
  seconds: 3600,
  problems: [],
  stopped: false,
  outputs: [
    {
      output: "nixosConfigurations.desktop",
      kind: "system",
      group: "desktop",
      lock: "committed",
      status: "built",
      seconds: 60,
    },
    {
      output: "nixosConfigurations.laptop",
      kind: "system",
      group: "laptop",
      lock: "committed",
      status: "failed",
      seconds: 60,
      reason: "build: hello.drv failed",
    },
    {
      output: "packages.x86_64-linux.hello",
      kind: "package",
      group: "hello",
      lock: "committed",
      status: "upstream",
      seconds: 1,
    },
  ],
};

const retain = {
  version: 1,
  time: new Date(now - 2 * day).toISOString(),
  seconds: 3,
  outcome: "done",
  plan: {
    budgetBytes: 100 * gibibyte,
    effectiveBudgetBytes: 100 * gibibyte,
    storeBytes: 60 * gibibyte,
    freeBytes: 0,
    keptBytes: 50 * gibibyte,
    kept: 20,
    evicted: 4,
    evictedBytes: 10 * gibibyte,
    holders: [],
  },
  collected: { paths: 100, bytes: 10 * gibibyte },
};

const scrub = {
  version: 1,
  ...{ time: new Date(now - 4 * day).toISOString(), updated: new Date(now - 3 * day).toISOString() },
  ...{ outcome: "done", position: "", checked: 900, total: 900, lastWhole: new Date(now - 3 * day).toISOString() },
  findings: [{ path: storePath("bent"), time: "", problem: "", outcome: "repaired", detail: "", others: [] }],
};

function canaries(): readonly unknown[] {
  return Array.from({ length: 48 }, (_, index) => {
    const at = now - (48 - index) * hour;
    return index === 20 ? { at, problem: "not served within 60 s" } : { at, seconds: 1 + (index % 5) / 10 };
  });
}
