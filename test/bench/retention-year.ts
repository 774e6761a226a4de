/**
 * A year of a small fleet with a flake that is updated every day, as a list of uploads and requests. A model, not a
 * recording: its rates are in `rates`, and its numbers the same in every run.
 */
import type { Graph, Root, StoreObject } from "../../nix/cachectl/retain/plan.ts";
import { numbers, storePath } from "./retention-store.ts";

/** What happens at one time. `time` is seconds since 1970. */
export type Event =
  | { readonly kind: "upload"; readonly time: number; readonly root: Omit<Root, "time"> }
  /** Somebody wants the whole closure of a path that was uploaded at `uploaded`. */
  | {
      readonly kind: "request";
      readonly time: number;
      readonly uploaded: number;
      readonly path: string;
      readonly why: string;
    };

/** The year: every path that ever was, and what happened, in order. */
export interface Year {
  readonly graph: Graph;
  readonly events: readonly Event[];
  readonly begin: number;
}

const day = 86_400;
export const days = 365;

const rates = {
  /** Packages of each of the two platforms; each stands for some that always change together. */
  packages: 400,
  medianBytes: 8e6,
  /** stdenv changes: everything is built anew. nixpkgs merges staging about every three weeks. */
  massRebuild: 1 / 20,
  /** Of one package on one day, besides. */
  change: 1 / 250,
  rollback: 1 / 25,
  reinstall: 1 / 90,
  bisect: 1 / 50,
  branchBuilds: 5,
};

interface Machine {
  readonly name: string;
  readonly platform: Platform;
  readonly packages: readonly number[];
  /** Days between updates. */
  readonly every: number;
}

/** nixpkgs of one platform as it is on one day. */
class Platform {
  readonly #random: () => number;
  readonly #graph: Map<string, StoreObject>;
  readonly #needs: readonly (readonly number[])[];
  readonly #bytes: readonly number[];
  readonly #changes: number[];
  readonly #name: string;
  paths: readonly string[] = [];

  constructor(name: string, graph: Map<string, StoreObject>, random: () => number) {
    this.#name = name;
    this.#graph = graph;
    this.#random = random;
    const indexes = Array.from({ length: rates.packages }, (_, index) => index);
    // What many need comes first: half of all references go to a tenth of the packages.
    this.#needs = indexes.map((index) =>
      index === 0 ? [] : [0, ...indexes.slice(0, 4).map(() => Math.floor(random() ** 3 * index))],
    );
    this.#bytes = indexes.map(() => Math.round(rates.medianBytes * Math.exp(normal(random) * 1.3)));
    this.#changes = indexes.map(() => 0);
    this.nextDay();
  }

  nextDay(): void {
    const mass = this.#random() < rates.massRebuild;
    const paths: string[] = [];
    for (const [index, needs] of this.#needs.entries()) {
      if (index === 0 ? mass : this.#random() < rates.change) this.#changes[index] = (this.#changes[index] ?? 0) + 1;
      const references = [...new Set(needs.map((need) => paths[need] ?? ""))];
      const name = `${this.#name}-package${index}-${this.#changes[index] ?? 0}`;
      paths.push(addPath(this.#graph, name, this.#bytes[index] ?? 0, references));
    }
    this.paths = paths;
  }
}

/** Makes the year. */
export function makeYear(seed: number): Year {
  const random = numbers(seed);
  const graph = new Map<string, StoreObject>();
  const begin = Date.parse("2026-01-01T00:00:00Z") / 1000;
  const maker = new YearMaker(graph, random, begin);
  for (let today = 0; today < days; today += 1) maker.day(today);
  return { graph, events: maker.events, begin };
}

class YearMaker {
  readonly events: Event[] = [];
  readonly #graph: Map<string, StoreObject>;
  readonly #random: () => number;
  readonly #begin: number;
  readonly #linux: Platform;
  readonly #mac: Platform;
  readonly #machines: readonly Machine[];
  readonly #history = new Map<string, { path: string; time: number }[]>();
  #now = 0;

  constructor(graph: Map<string, StoreObject>, random: () => number, begin: number) {
    this.#graph = graph;
    this.#random = random;
    this.#begin = begin;
    this.#linux = new Platform("linux", graph, random);
    this.#mac = new Platform("mac", graph, random);
    const machine = (name: string, platform: Platform, every: number): Machine => {
      const packages = Array.from({ length: rates.packages }, (_, index) => index);
      return { name, platform, every, packages: packages.filter((index) => index < 40 || random() < 0.35) };
    };
    this.#machines = [
      machine("desktop", this.#linux, 1),
      machine("workstation", this.#linux, 7),
      machine("server", this.#linux, 30),
      machine("macbook", this.#mac, 2),
      machine("macmini", this.#mac, 14),
    ];
  }

  day(today: number): void {
    this.#now = this.#begin + today * day;
    this.#linux.nextDay();
    this.#mac.nextDay();
    for (const machine of this.#machines) this.#machineDay(machine, today);
    if (today % 7 < 5) this.#branches(today);
    for (let project = 0; project < 4; project += 1) this.#projectDay(project, today);
  }

  #machineDay({ name, platform, packages, every }: Machine, today: number): void {
    // The server builds its flake's systems every day; a Mac uploads what it built when it updates.
    const updates = today % every === 0;
    if (platform === this.#linux || updates) {
      const references = packages.map((index) => platform.paths[index] ?? "");
      const path = addPath(this.#graph, `system-${name}-${today}`, 3e6, references);
      this.#upload(name, path, { kind: "system", group: name });
    }
    if (updates) this.#request(name, 0, `${name} updates`);
    if (this.#random() < rates.rollback) this.#request(name, geometric(this.#random, 12) * day, "an older system");
    if (this.#random() < rates.reinstall) this.#request(name, 0, "a machine set up anew");
  }

  /** CI builds what is pushed; most of it is asked for once, by the next step. */
  #branches(today: number): void {
    const builds = 1 + Math.floor(this.#random() * rates.branchBuilds);
    for (let build = 0; build < builds; build += 1) {
      const references = this.#linux.paths.slice(60, 100);
      const path = addPath(this.#graph, `app-0.1.${today}.${build}`, 120e6, references);
      this.#upload("app", path, { kind: "package", group: "ci app" });
      this.#request("app", 0, "CI's next step");
    }
    if (this.#random() >= rates.bisect) return;
    for (let step = 0, age = 60; step < 6; step += 1, age /= 2) this.#request("app", age * day, "a bisection");
  }

  /** A project with a lock of its own, updated seldom, used on every working day. */
  #projectDay(project: number, today: number): void {
    const name = `project${project}`;
    if (today % (50 + 25 * project) === 3 * project) {
      const references = this.#linux.paths.filter((_, index) => index % 7 === project || index < 30);
      const path = addPath(this.#graph, `${name}-shell-${today}`, 1e6, references);
      this.#upload(name, path, { kind: "package", group: `builder ${name}-shell` });
    }
    if (today % 7 < 5) this.#request(name, 0, "a project's CI");
  }

  #upload(what: string, path: string, root: Pick<Root, "kind" | "group">): void {
    const time = this.#now + (this.events.length % 1000);
    this.events.push({ kind: "upload", time, root: { ...root, path, name: `${what}/${path}` } });
    const history = this.#history.get(what) ?? [];
    this.#history.set(what, history);
    if (history.at(-1)?.path !== path) history.push({ path, time });
  }

  /** Asks for what was the newest so long ago. */
  #request(what: string, age: number, why: string): void {
    const time = this.#now + (this.events.length % 1000);
    const wanted = this.#history.get(what)?.findLast((item) => item.time <= time - age);
    if (wanted !== undefined)
      this.events.push({ kind: "request", time, path: wanted.path, uploaded: wanted.time, why });
  }
}

/** The path follows from the name and what it refers to, as with Nix. */
function addPath(graph: Map<string, StoreObject>, name: string, bytes: number, references: readonly string[]): string {
  const path = storePath(name, hashOf(references));
  if (!graph.has(path)) graph.set(path, { bytes, references });
  return path;
}

function hashOf(texts: readonly string[]): number {
  let hash = 2166136261;
  for (const text of texts) {
    for (let index = 11; index < 25; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 16777619);
  }
  return hash >>> 0;
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function geometric(random: () => number, mean: number): number {
  return Math.ceil(Math.log(1 - random()) / Math.log(1 - 1 / mean));
}
