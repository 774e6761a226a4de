/** Takes paths away from readers before Nix deletes them, so that nobody loses what he has begun to fetch. */
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { ClosureSet } from "./closure-set.ts";
import type { Marks } from "./marks.ts";
import type { Graph, Plan, Root } from "./plan.ts";
import type { HeldRoots } from "./held-roots.ts";
import type { StoreUse } from "./store-use.ts";
import { replan, type Survey, type SurveySources } from "./survey.ts";

/** What withdrawing works with. */
export interface WithdrawalTools {
  readonly sources: Pick<SurveySources, "beingRead"> & { readOwnRoots(): readonly Root[] };
  readonly marks: Marks;
  readonly use: StoreUse;
  readonly held: HeldRoots;
  readonly stop: AbortSignal;
  /** Told, in words for people, what is done without. */
  warn(message: string): void;
}

/** nginx writes its log with up to a second's delay (flush=1s in nix/modules/server/serving.nix), and more under load. */
const logMilliseconds = 3000;
/** nginx waits eight seconds for a decision (nix/modules/nginx-config.nix), and then serves: so it must fall before. */
const decideMilliseconds = 7000;
const tries = 5;
const lookMilliseconds = 50;

/** One run's: to be made before the store's graph is read, so that it sees whatever comes later. */
export class Withdrawal {
  readonly #tools: WithdrawalTools;
  #look: NodeJS.Timeout | undefined;

  constructor(tools: WithdrawalTools) {
    this.#tools = tools;
  }

  /**
   * Has readers of what is to go wait, sees once more who reads what, and has only that vanish which nobody began to read.
   * Returns the survey with the plan that this leaves; what is read and has no root gets one for this run. Nothing is
   * placed where nothing goes, and, with a warning, where the disk is too full. Throws an Error when this machine is too
   * slow to decide in time.
   */
  async decide(found: Survey): Promise<Survey> {
    const doomed = pathsToGo(found.graph, found.plan);
    const { marks, stop } = this.#tools;
    // A root that is kept may go meanwhile, by populate's hand or with its process: what it kept was not marked.
    this.#unlessFull(() => this.#hold(found));
    if (doomed.size === 0) return found;
    for (let attempt = 0; attempt < tries; attempt++) {
      if (!this.#unlessFull(() => marks.place(doomed))) return found;
      const begun = performance.now();
      await sleep(logMilliseconds, undefined, { signal: stop });
      const decided = this.#lookAgain(found, doomed);
      if (performance.now() - begun < decideMilliseconds) {
        marks.turn();
        return decided;
      }
      marks.clear();
    }
    throw new Error(
      `this machine took over ${decideMilliseconds / 1000} s to see what nobody reads, ${tries} times: nothing was deleted`,
    );
  }

  /** Until the end, serves again what uploads and builds begin to use, and what the roots named in `left` hold. */
  spare({ graph, roots }: Survey, left: ReadonlySet<string>): void {
    const { use, marks } = this.#tools;
    const closures = new ClosureSet(graph);
    const release = (paths: Iterable<string>): void => {
      for (const path of paths) {
        const missing = closures.missing(path);
        closures.add(path);
        marks.release(missing);
      }
    };
    release(roots.filter(({ name }) => left.has(name)).map(({ path }) => path));
    const look = (): void => {
      try {
        release(use.paths(graph));
      } catch (error) {
        clearInterval(this.#look);
        this.#tools.warn(`what is in use while Nix collects can't be seen: ${(error as Error).message}`);
      }
    };
    look();
    this.#look = setInterval(look, lookMilliseconds);
  }

  /** Serves everything that is there, and lets go of what was held. To be called in any case, as often as one likes. */
  end(): void {
    const { marks, use, held } = this.#tools;
    clearInterval(this.#look);
    use.close();
    marks.clear();
    held.clear();
  }

  #unlessFull(work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      this.#tools.warn("the disk is full: whoever begins to read what goes may lose it half-way");
      return false;
    }
  }

  #lookAgain(found: Survey, doomed: ReadonlySet<string>): Survey {
    const decided = replan(found, this.#tools.sources.beingRead());
    const going = pathsToGo(decided.graph, decided.plan, this.#hold(decided));
    this.#tools.marks.release([...doomed].filter((path) => !going.has(path)));
    return decided;
  }

  /** Holds what stays without a root that would; returns it. */
  #hold(found: Survey): string[] {
    const { sources, use, held } = this.#tools;
    const known = new Set(found.roots.map(identity));
    const renewed = sources.readOwnRoots().filter((root) => !known.has(identity(root)));
    return held.hold(found, [...use.paths(found.graph), ...renewed.map(({ path }) => path)]);
  }
}

/** Paths that the collector is going to delete: those that no root which stays holds, nor any of `held`. */
export function pathsToGo(graph: Graph, { keep, deferred }: Plan, held: Iterable<string> = []): Set<string> {
  const staying = new ClosureSet(graph);
  for (const { root } of [...keep, ...deferred]) staying.add(root.path);
  for (const path of held) staying.add(path);
  return new Set([...graph.keys()].filter((path) => !staying.has(path)));
}

const identity = ({ name, path, time }: Root): string => `${name} ${path} ${time}`;
