/** One run over the store: reads every path again, and sees to those that are not as they should be. */
import { cure, type CureTools } from "./cure.ts";
import type { Finding, ScrubRecord } from "./record.ts";
import type { Recorded } from "./valid-paths.ts";
import { release, withheldCauses } from "./withheld.ts";

/** What a run needs of the machine. */
export interface ScrubTools extends CureTools {
  validPaths(): Promise<readonly Recorded[]>;
  /** Keeps the record, also when the pass is not whole yet. Never throws. */
  record(record: ScrubRecord): void;
  found(finding: Finding): void;
}

const recordMilliseconds = 20_000;

/**
 * Goes on behind where the last run was stopped, or begins a new pass. What is withheld is tried again first. `only`
 * names the paths to check instead of all. Throws an Error, having recorded it, when it fails.
 */
export async function scrub(
  tools: ScrubTools,
  last: ScrubRecord | undefined,
  only?: readonly string[],
): Promise<ScrubRecord> {
  const pass = new Pass(tools, last, only !== undefined);
  try {
    const wanted = only === undefined ? undefined : new Set(only);
    await pass.retryWithheld(wanted);
    const all = await tools.validPaths();
    await pass.checkAll(wanted === undefined ? all : all.filter(({ path }) => wanted.has(path)));
    return pass.end("done");
  } catch (error) {
    if (tools.stop.aborted) return pass.end("stopped");
    pass.end("failed", error instanceof Error ? error.message : String(error));
    throw error;
  }
}

/** Goes on with a pass that was not whole; what is withheld is remembered from pass to pass. */
function begin(last: ScrubRecord | undefined, withheld: readonly Finding[]): ScrubRecord {
  const now = new Date().toISOString();
  const whole = last?.lastWhole === undefined ? {} : { lastWhole: last.lastWhole };
  const state = { version: 1, updated: now, outcome: "running", ...whole } as const;
  if (last === undefined || last.outcome === "done") {
    return { ...state, time: now, position: "", checked: 0, checkedBytes: 0, total: 0, findings: withheld };
  }
  const { time, position, checked, checkedBytes, total, findings } = last;
  return { ...state, time, position, checked, checkedBytes, total, findings };
}

class Pass {
  readonly #tools: ScrubTools;
  readonly #partial: boolean;
  /** Withheld by a run before this one. */
  readonly #before: ReadonlySet<string>;
  /** What this run has seen to before it began at the beginning. */
  readonly #tried = new Set<string>();
  #record: ScrubRecord;
  #written = 0;

  constructor(tools: ScrubTools, last: ScrubRecord | undefined, partial: boolean) {
    this.#tools = tools;
    this.#partial = partial;
    const withheld = (last?.findings ?? []).filter(({ outcome }) => outcome === "withheld");
    this.#before = new Set(withheld.map(({ path }) => path));
    this.#record = begin(last, withheld);
  }

  async retryWithheld(wanted: ReadonlySet<string> | undefined): Promise<void> {
    for (const path of withheldCauses(this.#tools.stateDirectory)) {
      if (wanted?.has(path) === false) continue;
      this.#tried.add(path);
      const recorded = await this.#tools.recordOf(path);
      if (recorded === undefined) release(this.#tools.stateDirectory, path);
      else await this.#check(recorded);
    }
  }

  async checkAll(paths: readonly Recorded[]): Promise<void> {
    const position = this.#partial ? "" : this.#record.position;
    if (!this.#partial) this.#note({ total: paths.length });
    for (const recorded of paths) {
      if (recorded.path <= position) continue;
      // A repair that has just failed takes its time, and would fail again.
      if (!this.#tried.has(recorded.path)) await this.#check(recorded);
      if (this.#partial) continue;
      const { checked, checkedBytes } = this.#record;
      this.#record = {
        ...this.#record,
        position: recorded.path,
        checked: checked + 1,
        checkedBytes: checkedBytes + recorded.narSize,
      };
      if (Date.now() - this.#written > recordMilliseconds) this.#note({});
    }
  }

  /** Of single paths, the pass under way is left where it was. */
  end(outcome: ScrubRecord["outcome"], reason?: string): ScrubRecord {
    const whole = outcome === "done" && !this.#partial;
    const position = whole ? { position: "", lastWhole: new Date().toISOString() } : {};
    const unfinished = this.#partial && this.#record.position !== "";
    return this.#note({
      outcome: unfinished ? "stopped" : outcome,
      ...position,
      ...(reason !== undefined && { reason }),
    });
  }

  async #check(recorded: Recorded): Promise<void> {
    const { path } = recorded;
    const first = await this.#problemOf(recorded);
    if (first === undefined) {
      release(this.#tools.stateDirectory, path);
      this.#forget(path);
      return;
    }
    // It may have been deleted, or repaired by somebody else, while it was read.
    const now = await this.#tools.recordOf(path);
    if (now === undefined) return;
    const second = await this.#problemOf(now);
    if (second === undefined && now.narHash !== recorded.narHash) return;
    const finding: Finding =
      second === undefined
        ? {
            path,
            time: new Date().toISOString(),
            problem: first,
            outcome: "passed",
            detail: "right when read again",
            others: [],
          }
        : await cure(now, second, this.#before.has(path), this.#tools);
    this.#forget(path);
    this.#note({ findings: [...this.#record.findings, finding] });
    this.#tools.found(finding);
  }

  async #problemOf({ path, narHash }: Recorded): Promise<string | undefined> {
    const hashed = await this.#tools.hash(path);
    if ("problem" in hashed) return `it can't be read: ${hashed.problem}`;
    return hashed.narHash === narHash ? undefined : `its bytes are not those of ${narHash}: found ${hashed.narHash}`;
  }

  /** What is said of a path now replaces what was said before. */
  #forget(path: string): void {
    const findings = this.#record.findings.filter((finding) => finding.path !== path || finding.outcome !== "withheld");
    this.#record = { ...this.#record, findings };
  }

  #note(more: Partial<ScrubRecord>): ScrubRecord {
    this.#record = { ...this.#record, ...more, updated: new Date().toISOString() };
    this.#written = Date.now();
    this.#tools.record(this.#record);
    return this.#record;
  }
}
