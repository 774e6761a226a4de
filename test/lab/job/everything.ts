/** All that a server does, at once: what each of its users does, again and again, until time is up. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { World } from "../world/world.ts";
import type { ReaderReport } from "./closure-reader.ts";
import { narinfoUrl, statusOf } from "./main-job.ts";
import { build, newPackage, type Package } from "./package.ts";

const STATE = "/var/lib/nix-binary-cache";
const FLAKE = "/srv/everything";
const ROOTS = "/tmp/everything/roots";
const LOG = "/var/log/nginx/nix-binary-cache.log";
const READERS = 8;
/** What was read longer ago than once or twice this may go: an hour's log in short. */
const ROTATE_SECONDS = 20;
/** Bytes beyond what stays in any case: some versions of each of what is uploaded and populated. */
const BUDGET = 500_000;
const NAMES = ["alpha", "beta", "gamma"];
const RUN_SECONDS = 120;
/** The readers take one of the last so many roots (closure-reader.ts); and how long they then have for it. */
const RECENT = 60;
const DROPPED_MS = 5000;

/** What went on. */
export interface Work {
  /** Packages that the Mac built and the server had. */
  built: number;
  /** Runs of populate, and of retain. */
  populated: number;
  retained: number;
  /** Roots that retention removed, and roots that it left because somebody was reading. */
  evictions: number;
  deferred: number;
  /** Paths that Nix deleted. */
  collectedPaths: number;
}

/** What `nix copy` from the cache into new stores came to. */
export interface NixReport {
  copied: number;
  gone: number;
  readonly failed: string[];
}

export class Everything {
  readonly #world: World;
  readonly #url: string;
  readonly #work: Work = { built: 0, populated: 0, retained: 0, evictions: 0, deferred: 0, collectedPaths: 0 };
  readonly #nix: NixReport = { copied: 0, gone: 0, failed: [] };
  readonly #roots: string[] = [];
  readonly #libraries: Package[] = [];
  #until = 0;

  /** @param url the cache's */
  constructor(world: World, url: string) {
    this.#world = world;
    this.#url = url;
  }

  /** Gives the server a flake to populate and a budget that holds little, and the desktop its reader. */
  async prepare(): Promise<void> {
    const { server, desktop } = this.#world.machines;
    await this.#writeFlake(0);
    const config = JSON.parse(await server.readFile(`${STATE}/config.json`)) as Record<string, object>;
    const retention = { ...config.retention, minFree: 0, keepPackages: 1, keepDays: 30 };
    const populate = { ...config.populate, enabled: true, flake: `path:${FLAKE}`, outputs: "discover" };
    const place = (diskBudget: number): Promise<void> =>
      server.writeFile(
        `${STATE}/config.json`,
        JSON.stringify({ ...config, populate, retention: { ...retention, diskBudget } }),
        0o644,
      );
    await place(1e12);
    const { stdout } = await server.must(["cachectl", "retain", "--dry-run", "--json"]);
    await place((JSON.parse(stdout) as { plan: { keptBytes: number } }).plan.keptBytes + BUDGET);
    await desktop.copyIn(join(import.meta.dirname, "closure-reader.ts"), "/tmp/closure-reader.ts");
    await desktop.writeFile(ROOTS, "", 0o644);
  }

  /** Does it all for so long. @throws Error when a build, an upload, populate or retain fails */
  async run(seconds: number): Promise<{ readonly reader: ReaderReport; readonly nix: NixReport; readonly work: Work }> {
    const { desktop } = this.#world.machines;
    this.#until = Date.now() + seconds * 1000;
    const argv = ["node", "--disable-warning=ExperimentalWarning", "/tmp/closure-reader.ts", this.#url, ROOTS];
    const reading = desktop.must([...argv, String(READERS)], { timeoutSeconds: seconds + 2 * RUN_SECONDS });
    const loops = [
      this.#again(() => this.#buildOne()),
      this.#again(() => this.#populate()),
      this.#again(() => this.#retain()),
      this.#again(() => this.#rotateLog()),
      this.#again(() => this.#copyOne()),
      this.#again(() => this.#copyOne()),
    ];
    try {
      await Promise.all(loops);
      await this.#offerDropped();
    } finally {
      await desktop.must(["rm", "-f", ROOTS]);
      await Promise.allSettled(loops);
    }
    return { reader: JSON.parse((await reading).stdout) as ReaderReport, nix: this.#nix, work: this.#work };
  }

  /** What Nix says against the server's store, and marks that were left. */
  async leftOver(): Promise<{ readonly complaints: string; readonly marks: string }> {
    const { server } = this.#world.machines;
    const { code, stderr } = await server.run(["nix-store", "--verify", "--check-contents"], {
      timeoutSeconds: RUN_SECONDS,
    });
    const lines = stderr.split("\n").filter((line) => !/^(?:reading the Nix|checking |waiting for |$)/.test(line));
    const find = ["find", STATE, "-maxdepth", "1", "(", "-name", "deciding", "-o", "-name", "going", ")"];
    return { complaints: code === 0 ? lines.join("\n") : `status ${code}`, marks: (await server.must(find)).stdout };
  }

  async #again(work: () => Promise<void>): Promise<void> {
    try {
      while (this.#goesOn()) await work();
    } catch (error) {
      this.#until = 0;
      throw error;
    }
  }

  /** Until time is up; on a busy machine, until something was dropped too, since without that nothing is tried. */
  #goesOn(): boolean {
    const over = Date.now() - this.#until;
    return over < 0 || (this.#work.collectedPaths === 0 && over < RUN_SECONDS * 1000);
  }

  /** A new version of a program, on a library that may be on the server, or have been dropped there. */
  async #buildOne(): Promise<void> {
    const { macbook, desktop } = this.#world.machines;
    const version = this.#work.built;
    const name = NAMES[version % NAMES.length] ?? "";
    const older = this.#libraries.at(-Math.ceil(Math.random() * 6));
    const library = newPackage(`lib${name}-1.${version}`, older === undefined ? [] : [older], 30);
    // A line of its own each: what all hang together by would never be dropped.
    this.#libraries.push(newPackage(`base${name}-1.${version}`, [], 20));
    const { path } = await build(macbook, newPackage(`${name}-1.${version}`, [library], 40));
    const url = narinfoUrl(this.#url, path);
    while ((await statusOf(desktop, url)) !== 200) {
      if (Date.now() > this.#until + RUN_SECONDS * 1000) throw new Error(`${path} was not uploaded`);
      await sleep(100);
    }
    this.#work.built += 1;
    await this.#offer([path]);
  }

  async #writeFlake(version: number): Promise<void> {
    const { server } = this.#world.machines;
    const library = newPackage(`shared-${version}.0`, [], 20);
    const packages = ["one", "two"].map((name) => {
      const { expression } = newPackage(`${name}-${version}.0`, [library], 30);
      return `packages.x86_64-linux.${name} = ${expression} // { type = "derivation"; };`;
    });
    await server.writeFile(`${FLAKE}/flake.nix`, `{ outputs = _: { ${packages.join("\n")} }; }\n`, 0o644);
    await server.must(["chmod", "755", FLAKE]);
  }

  async #populate(): Promise<void> {
    const { server } = this.#world.machines;
    await this.#writeFlake(this.#work.populated + 1);
    const { stdout } = await server.must(["cachectl", "populate", "--json"], { timeoutSeconds: RUN_SECONDS });
    const { outputs } = JSON.parse(stdout) as { outputs: readonly { readonly paths?: readonly string[] }[] };
    this.#work.populated += 1;
    await this.#offer(outputs.flatMap(({ paths = [] }) => paths));
    await sleep(2000);
  }

  async #retain(): Promise<void> {
    const argv = ["cachectl", "retain", "--json"];
    const { stdout } = await this.#world.machines.server.must(argv, { timeoutSeconds: RUN_SECONDS });
    const { rootsRemoved, plan, collected } = JSON.parse(stdout) as {
      rootsRemoved: number;
      plan: { deferred: number };
      collected: { paths: number };
    };
    this.#work.retained += 1;
    this.#work.evictions += rootsRemoved;
    this.#work.deferred += plan.deferred;
    this.#work.collectedPaths += collected.paths;
    await sleep(500);
  }

  /** As logrotate does. */
  async #rotateLog(): Promise<void> {
    await sleep(Math.min(ROTATE_SECONDS * 1000, Math.max(0, this.#until - Date.now())));
    const script = `mv ${LOG} ${LOG}.1 && kill -USR1 "$(cat /run/nginx/nginx.pid)"`;
    await this.#world.machines.server.must(["sh", "-c", script]);
  }

  /** Fetches a closure with Nix into a new store, having looked whether its root is there. */
  async #copyOne(): Promise<void> {
    const { desktop } = this.#world.machines;
    const path = this.#roots.slice(-40)[Math.floor(Math.random() * Math.min(40, this.#roots.length))];
    if (path === undefined) return sleep(200);
    if ((await statusOf(desktop, narinfoUrl(this.#url, path))) !== 200) {
      this.#nix.gone += 1;
      return;
    }
    await sleep(Math.random() * 3000);
    const script =
      'd="$(mktemp -d)" && XDG_CACHE_HOME="$d/cache" nix --extra-experimental-features nix-command copy --from "$1" --to "$d" "$2"; s=$?; chmod -R u+w "$d"; rm -rf "$d"; exit "$s"';
    const { code, stderr } = await desktop.run(["sh", "-c", script, "sh", this.#url, path], { timeoutSeconds: 90 });
    if (code === 0) this.#nix.copied += 1;
    else this.#nix.failed.push(`${path}: ${stderr.trim().split("\n").slice(-3).join(" ")}`);
  }

  /** Has the readers ask for what was dropped: how much of that they met by themselves is chance. */
  async #offerDropped(): Promise<void> {
    const { desktop } = this.#world.machines;
    for (const path of new Set(this.#roots)) {
      if ((await statusOf(desktop, narinfoUrl(this.#url, path))) !== 404) continue;
      await this.#offer(Array<string>(RECENT).fill(path));
      return sleep(DROPPED_MS);
    }
  }

  async #offer(paths: readonly string[]): Promise<void> {
    this.#roots.push(...paths);
    const script = 'cat >>"$1"';
    const { desktop } = this.#world.machines;
    // Not made anew once it is gone: the reader would go on.
    await desktop.run(["sh", "-c", `test -e "$1" && ${script}`, "sh", ROOTS], { stdin: `${paths.join("\n")}\n` });
  }
}
