/** What each builder uploads, out of the receiver's audit log and roots. */
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fieldsOf, numberOf, parseJson } from "../../lib/json.ts";
import type { Paths } from "../../lib/paths.ts";
import { knownQueue, type KnownQueue } from "../../receive/told-queue.ts";
import { isSettled } from "../../receive/settled.ts";
import { tailLines } from "./tail.ts";

/** One builder as the server sees it. Times are milliseconds since 1970. */
export interface BuilderStatus {
  readonly name: string;
  /** When it last called, whatever for. */
  readonly lastCall: number | undefined;
  /** When its last paths were confirmed. */
  readonly lastCommit: number | undefined;
  /** Of today, in UTC: paths confirmed, NAR bytes let through, calls that did not end well. */
  readonly today: { readonly paths: number; readonly bytes: number; readonly failed: number };
  /** Why the last call that did not end well did not; undefined when one after it did. */
  readonly trouble: string | undefined;
  /** Paths that have their root. */
  readonly kept: number;
  /** Paths that were announced and are not confirmed, and since when the oldest of them waits. */
  readonly waiting: { readonly paths: number; readonly since: number | undefined };
  /** What still waits on the builder itself, as it told last; undefined when it never did. */
  readonly queue: KnownQueue | undefined;
  /** From the announcement to the confirmation, in seconds, the latest last. */
  readonly latencies: readonly Latency[];
}

/** How long one upload took. */
export interface Latency {
  readonly at: number;
  readonly seconds: number;
}

/** One call as the audit log has it. */
export interface Call {
  readonly at: number;
  readonly builder: string;
  readonly verb: string;
  readonly paths: number;
  readonly bytes: number;
  readonly outcome: string;
  readonly reason: string | undefined;
  readonly milliseconds: number;
}

const auditBytes = 8 * 1024 ** 2;
const keptLatencies = 100;

/** Every builder that is registered or has called, by name. */
export function builderStatus({ state, roots }: Pick<Paths, "state" | "roots">, now: number): readonly BuilderStatus[] {
  const calls = tailLines(join(state, "audit.log"), auditBytes).flatMap(parseCall);
  const registered = list(join(state, "builders")).flatMap((name) => /^(.+)\.json$/.exec(name)?.[1] ?? []);
  const names = new Set([...registered, ...calls.map(({ builder }) => builder)]);
  return [...names].sort().map((name) => ({
    ...fromCalls(
      calls.filter(({ builder }) => builder === name),
      now,
    ),
    name,
    kept: list(join(roots, "uploads", name)).length,
    queue: knownQueue(state, name),
    waiting: waitingIn(join(roots, "incoming", name), join(roots, "uploads", name)),
  }));
}

/** A line of the log; nothing for a caller who is no builder, and for what is no such line. */
export function parseCall(line: string): readonly Call[] {
  const fields = fieldsOf(parseJson(line));
  const [time, builder, verb, outcome, reason] = ["time", "builder", "verb", "outcome", "reason"].map((name) =>
    fields.get(name),
  );
  const at = Date.parse(String(time));
  if (Number.isNaN(at) || typeof builder !== "string") return [];
  return [
    {
      at,
      builder,
      verb: typeof verb === "string" ? verb : "",
      outcome: typeof outcome === "string" ? outcome : "",
      reason: typeof reason === "string" ? reason : undefined,
      paths: (numberOf(fields.get("paths")) ?? 0) - (numberOf(fields.get("refused")) ?? 0),
      bytes: numberOf(fields.get("bytes")) ?? 0,
      milliseconds: numberOf(fields.get("ms")) ?? 0,
    },
  ];
}

type FromCalls = Pick<BuilderStatus, "lastCall" | "lastCommit" | "today" | "trouble" | "latencies">;

function fromCalls(calls: readonly Call[], now: number): FromCalls {
  const today = calls.filter(({ at }) => at >= now - (now % 86_400_000));
  const commits = calls.filter(({ verb, outcome }) => verb === "commit" && outcome === "done");
  const last = calls.at(-1);
  const sum = (some: readonly Call[], field: "paths" | "bytes"): number =>
    some.reduce((total, call) => total + call[field], 0);
  return {
    lastCall: last?.at,
    lastCommit: commits.at(-1)?.at,
    today: {
      paths: sum(
        today.filter((call) => commits.includes(call)),
        "paths",
      ),
      bytes: sum(today, "bytes"),
      failed: today.filter(({ outcome }) => outcome !== "done").length,
    },
    trouble: last === undefined || last.outcome === "done" ? undefined : (last.reason ?? last.outcome),
    latencies: latenciesOf(calls),
  };
}

/** A builder's uploader does one batch after the other: announce, copy, commit. */
function latenciesOf(calls: readonly Call[]): readonly Latency[] {
  let announced: number | undefined;
  const found: Latency[] = [];
  for (const { verb, outcome, at, milliseconds } of calls) {
    if (outcome !== "done") continue;
    if (verb === "announce") announced = at;
    else if (verb === "commit" && announced !== undefined) {
      found.push({ at, seconds: Math.max(0, at + milliseconds - announced) / 1000 });
      announced = undefined;
    }
  }
  return found.slice(-keptLatencies);
}

/** What is announced and not committed. */
function waitingIn(folder: string, committed: string): BuilderStatus["waiting"] {
  const names = list(folder).filter((name) => !isSettled(join(folder, name), join(committed, name)));
  const times = names.flatMap((name) => lstatSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? []);
  return { paths: times.length, since: times.length === 0 ? undefined : times.reduce((a, b) => Math.min(a, b)) };
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => !name.startsWith("."));
  } catch {
    return [];
  }
}
