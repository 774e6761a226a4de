import type { Delivery } from "./deliver.ts";
import { NixAway } from "./local-store.ts";
import { partsOf, toSign, withoutLarge } from "./selection.ts";
import { ServerAway } from "./server.ts";

/** What a path takes beyond its NAR's bytes, at most: files fill whole blocks, and folders, links and locks have theirs. */
const blockBytes = 65_536;

/** All that Nix says here where the server's Nix ended over something and its own words came too late. */
const sessionEnded = "unexpected end-of-file";

/** So many paths that fail alone for one reason, with nothing that succeeds, and it is nothing about these paths. */
const enoughAlike = 5;

/** What one delivery has learned so far. */
export interface Progress {
  /** By path; empty until it is known. */
  readonly sizes: Map<string, number>;
  /** Those that are described, and signed with all that they need. */
  readonly ready: Set<string>;
  committed: number;
  checkedRoom: boolean;
  /** The reasons of paths that failed alone, without names and numbers. */
  readonly reasons: string[];
}

export function newProgress(): Progress {
  return { sizes: new Map(), ready: new Set(), committed: 0, reasons: [], checkedRoom: false };
}

/** Sends paths; a group that fails goes on in parts. Throws ServerAway or NixAway. */
export async function deliverGroup(paths: readonly string[], delivery: Delivery, progress: Progress): Promise<void> {
  if (paths.length === 0 || isStopped(delivery)) return;
  const { server, settle } = delivery;
  const { sent, failure } = await send(paths, delivery, progress);
  if (isStopped(delivery) || sent.length === 0) return;
  // After a failure too: what arrived before it needs no second copy. No answer means that the server is away.
  const { committed, refused } = await server.commit(sent);
  for (const path of sent) if (committed.has(path)) settle(path, { kind: "committed" });
  progress.committed += committed.size;
  const rest = sent.filter((path) => !committed.has(path));
  if (rest.length === 0) return;
  if (failure instanceof NixAway) throw failure;
  if (failure === undefined || rest.length === 1) {
    const why = failure === undefined ? undefined : await reasonOf(failure, rest, progress, server);
    const reasons = rest.map((path) => why ?? refused.get(path) ?? "was not confirmed by the server");
    rest.forEach((path, index) => settle(path, { kind: "failed", reason: reasons[index] ?? "" }));
    checkReasons(reasons, progress);
    return;
  }
  // Where not even the smallest path has room, halving would only ask for each what is known of all.
  const full = progress.checkedRoom ? undefined : await noRoom(rest, progress, server);
  if (full !== undefined) throw new ServerAway(full);
  for (const part of partsOf(rest, failure.message)) await deliverGroup(part, delivery, progress);
}

/** Prepares and copies paths; gives those that were to go, and what went wrong. */
async function send(
  paths: readonly string[],
  delivery: Delivery,
  progress: Progress,
): Promise<{ readonly sent: readonly string[]; readonly failure?: Error }> {
  let sent = paths;
  try {
    sent = await prepare(paths, delivery, progress);
    if (sent.length > 0) await delivery.store.copy(sent);
    return { sent };
  } catch (error) {
    return { sent, failure: error instanceof Error ? error : new Error(String(error)) };
  }
}

/** Describes paths and signs what needs it, once; gives those that are not too large. Throws an Error, or NixAway. */
export async function prepare(
  paths: readonly string[],
  delivery: Delivery,
  { sizes, ready }: Pick<Progress, "sizes" | "ready">,
): Promise<readonly string[]> {
  if (paths.every((path) => ready.has(path))) return paths;
  const known = await delivery.store.describe(paths, true);
  for (const { path, narSize } of known) sizes.set(path, narSize);
  const small = withoutLarge(paths, sizes, delivery);
  const unsigned = small.length === 0 ? [] : toSign(known, delivery);
  if (unsigned.length > 0) await delivery.store.sign(unsigned, delivery.key.file);
  for (const path of small) ready.add(path);
  return small;
}

/** A key that the server does not know, say, is every path's reason: trying each of 10,000 would help nobody. */
function checkReasons(reasons: readonly string[], progress: Progress): void {
  progress.reasons.push(
    ...reasons.map((reason) => reason.replaceAll(/\/nix\/store\/[^\s'",]+/g, "").replaceAll(/[0-9]+/g, "")),
  );
  const [first] = progress.reasons;
  if (progress.committed > 0 || progress.reasons.length < enoughAlike) return;
  if (progress.reasons.every((reason) => reason === first)) throw new ServerAway(reasons.at(-1) ?? "");
}

/** A function, since it can change while something is awaited. */
function isStopped({ stop }: Pick<Delivery, "stop">): boolean {
  return stop.aborted;
}

/** Why a path failed, from the server itself where Nix can't tell. Throws ServerAway. */
async function reasonOf(
  { message }: Error,
  paths: readonly string[],
  progress: Progress,
  server: Delivery["server"],
): Promise<string> {
  return message.includes(sessionEnded) ? ((await noRoom(paths, progress, server)) ?? message) : message;
}

/** Why the server has no room for even the smallest of the paths; undefined where it has. Throws ServerAway. */
async function noRoom(
  paths: readonly string[],
  progress: Progress,
  server: Delivery["server"],
): Promise<string | undefined> {
  progress.checkedRoom = true;
  const smallest = Math.min(...paths.map((path) => progress.sizes.get(path) ?? 0));
  const { onDisk, today } = await server.room();
  if (smallest + blockBytes > onDisk) return "the server's disk is full";
  return smallest > today ? "this builder's bytes of today are used up on the server" : undefined;
}
