/** Doubles of this machine's store and of the server, and a queue on disk, for tests of what the uploader decides. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Queue } from "../../nix/cachectl/queue/queue.ts";
import type { Delivery } from "../../nix/cachectl/upload/deliver.ts";
import type { ToldQueue } from "../../nix/cachectl/receive/told-queue.ts";
import { NixAway, type LocalPath } from "../../nix/cachectl/upload/local-store.ts";
import { ServerAway } from "../../nix/cachectl/upload/server.ts";
import { upload, type UploadResult, type UploadRun } from "../../nix/cachectl/upload/upload.ts";

const alphabet = "0123456789abcdfghijklmnpqrsvwxyz";

/** A store path with a hash of its own for each name. */
export function pathOf(name: string): string {
  const digits = [...Buffer.from(name.padEnd(32, "-"))].slice(-32).map((byte) => alphabet[byte % 32] ?? "0");
  return `/nix/store/${digits.join("")}-${name}`;
}

/** What a double does wrong, by path or altogether. */
export interface Faults {
  /** Copies that hold one of these fail, with this message. */
  readonly bad?: ReadonlyMap<string, string>;
  readonly away?: boolean;
  readonly nixAway?: boolean;
  readonly invalid?: readonly string[];
  /** The server takes paths in but does not confirm them, with this reason. */
  readonly unconfirmed?: ReadonlyMap<string, string>;
  readonly onDisk?: number;
}

/** A builder with a queue of its own and doubles of all else. `remove` at the end. */
export class UploadBench {
  readonly folder = mkdtempSync(join(tmpdir(), "upload-"));
  readonly places = { queue: join(this.folder, "queue"), roots: join(this.folder, "roots") };
  readonly queue = new Queue(this.places);
  readonly said: string[] = [];
  /** Each copy's paths. */
  readonly copies: (readonly string[])[] = [];
  /** What it told of its queue. */
  readonly told: ToldQueue[] = [];
  readonly announced = new Set<string>();
  readonly onServer = new Set<string>();
  readonly signed = new Set<string>();
  faults: Faults = {};
  settings = { exclude: [] as string[], maxPathBytes: 1000, upstreamKeys: ["cache.nixos.org-1"], batchPaths: 10 };
  /** What a path is unless it is 10 bytes, built here and unsigned. */
  readonly known = new Map<string, Partial<LocalPath>>();
  #connections = 0;

  constructor() {
    this.queue.prepare();
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** How often a connection was made. */
  get connections(): number {
    return this.#connections;
  }

  /** Queues one path an entry; gives the paths. */
  add(...names: readonly string[]): string[] {
    return names.map((name, index) => {
      const path = pathOf(name);
      this.queue.add(`${name}-${index}`, { paths: [path] });
      return path;
    });
  }

  run(stop: AbortSignal = new AbortController().signal, more: Partial<UploadRun> = {}): Promise<UploadResult> {
    const connect = (): ReturnType<UploadRun["connect"]> => {
      this.#connections += 1;
      return { ...this.#delivery(), batchPaths: this.settings.batchPaths, close: () => Promise.resolve() };
    };
    const say = (line: string): void => void this.said.push(line);
    return upload({ queue: this.queue, stateFolder: this.folder, connect, say, stop, stuckMilliseconds: 1, ...more });
  }

  #delivery(): Omit<Delivery, "settle" | "stop"> {
    return {
      settings: this.settings,
      key: { name: "builder-1", file: "/key" },
      store: this.#store,
      server: this.#server,
    };
  }

  readonly #store: Delivery["store"] = {
    invalid: (paths) => {
      if (this.faults.nixAway === true) return Promise.reject(new NixAway("the daemon is away"));
      return Promise.resolve(new Set(paths.filter((path) => this.faults.invalid?.includes(path))));
    },
    describe: (paths) =>
      Promise.resolve(
        paths.map((path) => {
          const usual = { path, narSize: 10, ultimate: true, contentAddressed: false, derived: true, signers: [] };
          return { ...usual, ...this.known.get(path) };
        }),
      ),
    sign: (paths) => {
      for (const path of paths) this.signed.add(path);
      return Promise.resolve();
    },
    copy: (paths) => {
      this.copies.push(paths);
      const found = paths.find((path) => this.faults.bad?.has(path));
      // As Nix does: what comes before the bad one has arrived.
      const arrived = found === undefined ? paths : paths.slice(0, paths.indexOf(found));
      for (const path of arrived) if (this.announced.has(path)) this.onServer.add(path);
      if (found === undefined) return Promise.resolve();
      return Promise.reject(new Error(this.faults.bad?.get(found)));
    },
  };

  readonly #server: Delivery["server"] = {
    open: () => (this.faults.away === true ? Promise.reject(new ServerAway("ssh: no route")) : Promise.resolve()),
    announce: (paths) => {
      for (const path of paths) this.announced.add(path);
      return Promise.resolve();
    },
    commit: (paths) => {
      const unconfirmed = this.faults.unconfirmed ?? new Map<string, string>();
      const committed = paths.filter((path) => this.onServer.has(path) && !unconfirmed.has(path));
      return Promise.resolve({ committed: new Set(committed), refused: unconfirmed });
    },
    room: () => Promise.resolve({ onDisk: this.faults.onDisk ?? Infinity, today: Infinity }),
    tell: (queue) => {
      this.told.push(queue);
      return Promise.resolve();
    },
  };
}
