/** What a builder tells of its own queue when it asks for `status`: the server sees nothing else of what still waits there. */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { fieldsOf, numberOf, parseJson } from "../lib/json.ts";
import { replaceFile } from "../lib/replace-file.ts";
import { Refusal } from "./refusal.ts";

/** As it is sent: `{"queue": {"entries": 3, "oldestSeconds": 120}}`. An age, for a builder's clock may be any. */
export interface ToldQueue {
  readonly entries: number;
  /** Of the oldest; undefined when nothing waits. */
  readonly oldestSeconds: number | undefined;
}

/** As it is kept: times of the server's clock, milliseconds since 1970. */
export interface KnownQueue {
  readonly entries: number;
  /** Since when the oldest waits. */
  readonly since: number | undefined;
  /** When the builder said so. */
  readonly at: number;
}

const longest = 1024;
/** Whoever asks for `status` at a terminal has nothing to say, and does not end it. */
const patience = 2000;
const mostEntries = 10_000_000;
const oldest = 10 * 366 * 24 * 3600;

/** Reads what comes with the call; undefined for a builder that tells nothing. Throws a Refusal for anything else. */
export async function readToldQueue(input: Readable): Promise<ToldQueue | undefined> {
  const text = (await readShort(input)).trim();
  if (text === "") return undefined;
  const queue = fieldsOf(fieldsOf(parseJson(text)).get("queue"));
  const [entries, oldestSeconds] = [numberOf(queue.get("entries")), numberOf(queue.get("oldestSeconds"))];
  const good =
    within(entries, mostEntries) && (entries === 0 ? oldestSeconds === undefined : within(oldestSeconds, oldest));
  if (good) return { entries, oldestSeconds };
  throw new Refusal(
    "protocol",
    `status came with ${JSON.stringify(text.slice(0, 100))}; expected nothing, or {"queue": {"entries": COUNT, "oldestSeconds": SECONDS}}`,
  );
}

function within(value: number | undefined, most: number): value is number {
  return value !== undefined && Number.isInteger(value) && value >= 0 && value <= most;
}

async function readShort(input: Readable): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = "";
  const whole = (): void => resolve(text);
  input.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
    if (text.length > longest) reject(new Refusal("limit", `more than ${longest} bytes came with status`));
  });
  for (const end of ["end", "close", "error"]) input.once(end, whole);
  const timer = setTimeout(whole, patience);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    input.destroy();
  }
}

const fileOf = (state: string, builder: string): string => join(state, "announced", builder, "queue.json");

/** Keeps what was told, in place of what was told before. Throws an Error when it can't be written. */
export function keepToldQueue(state: string, builder: string, told: ToldQueue, now: number): void {
  const { entries, oldestSeconds } = told;
  const since = oldestSeconds === undefined ? undefined : now - oldestSeconds * 1000;
  const known: KnownQueue = { entries, since, at: now };
  mkdirSync(join(state, "announced", builder), { recursive: true, mode: 0o750 });
  replaceFile(fileOf(state, builder), `${JSON.stringify(known)}\n`, 0o640);
}

/** What a builder told last; undefined when it never did, or this can't be read. */
export function knownQueue(state: string, builder: string): KnownQueue | undefined {
  try {
    const fields = fieldsOf(parseJson(readFileSync(fileOf(state, builder), "utf8")));
    const [entries, since, at] = ["entries", "since", "at"].map((name) => numberOf(fields.get(name)));
    return entries === undefined || at === undefined ? undefined : { entries, since, at };
  } catch {
    return undefined;
  }
}
