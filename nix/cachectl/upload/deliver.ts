import type { LocalPath } from "./local-store.ts";
import { matchingPattern, nameOf } from "./patterns.ts";
import { ServerAway, type Committed, type Room } from "./server.ts";
import type { UploadSettings } from "./settings.ts";

/** What became of one path. */
export type Outcome =
  | { readonly kind: "committed" }
  | { readonly kind: "excluded" | "too large" | "failed" | "gone"; readonly reason: string };

/** What a delivery works with. */
export interface Delivery {
  readonly settings: Pick<UploadSettings, "exclude" | "maxPathBytes" | "upstreamKeys">;
  /** The name of this builder's signing key, and its file. */
  readonly key: { readonly name: string; readonly file: string };
  readonly store: {
    invalid(paths: readonly string[]): Promise<ReadonlySet<string>>;
    describe(paths: readonly string[], closure: boolean): Promise<readonly LocalPath[]>;
    sign(paths: readonly string[], keyFile: string): Promise<void>;
    copy(paths: readonly string[]): Promise<void>;
  };
  readonly server: {
    open(): Promise<void>;
    announce(paths: readonly string[]): Promise<void>;
    commit(paths: readonly string[]): Promise<Committed>;
    room(): Promise<Room>;
  };
  /** Told as soon as a path's fate is known, so that what is done is done, however the rest ends. */
  readonly settle: (path: string, outcome: Outcome) => void;
  readonly stop: AbortSignal;
}

/**
 * Brings paths to the server: announces them, signs what is ours, copies, has the server confirm. A group that fails is
 * halved until the failing path stands alone. Throws ServerAway or NixAway when there is no going on; a stop ends it
 * early. Paths that nothing was settled about are as they were.
 */
export async function deliver(paths: readonly string[], delivery: Delivery): Promise<void> {
  const { settings, store, server, settle } = delivery;
  const wanted = paths.filter((path) => {
    const pattern = matchingPattern(nameOf(path), settings.exclude);
    if (pattern !== undefined) settle(path, { kind: "excluded", reason: `its name matches "${pattern}"` });
    return pattern === undefined;
  });
  if (wanted.length === 0) return;
  const invalid = await store.invalid(wanted);
  await server.open();
  await server.announce(wanted);
  if (invalid.size > 0) await settleInvalid([...invalid], delivery);
  await deliverGroup(
    wanted.filter((path) => !invalid.has(path)),
    delivery,
  );
}

/** What this machine no longer has may be on the server already: sent just before a power cut, or by another builder. */
async function settleInvalid(paths: readonly string[], { server, settle }: Delivery): Promise<void> {
  const { committed } = await server.commit(paths);
  for (const path of paths) {
    if (committed.has(path)) settle(path, { kind: "committed" });
    else settle(path, { kind: "gone", reason: "is no longer in this machine's store, and not on the server" });
  }
}

async function deliverGroup(paths: readonly string[], delivery: Delivery, whole = true): Promise<void> {
  if (paths.length === 0 || isStopped(delivery)) return;
  const { server, settle } = delivery;
  let failure: string | undefined;
  let sizes: ReadonlyMap<string, number> = new Map();
  let sent = paths;
  try {
    const known = await delivery.store.describe(paths, true);
    sizes = new Map(known.map(({ path, narSize }) => [path, narSize]));
    sent = withoutLarge(paths, sizes, delivery);
    if (sent.length === 0) return;
    const unsigned = toSign(known, delivery);
    if (unsigned.length > 0) await delivery.store.sign(unsigned, delivery.key.file);
    await delivery.store.copy(sent);
  } catch (error) {
    if (isStopped(delivery)) return;
    failure = error instanceof Error ? error.message : String(error);
  }
  // After a failure too: what arrived before it needs no second copy. No answer means that the server is away.
  const { committed, refused } = await server.commit(sent);
  for (const path of sent) if (committed.has(path)) settle(path, { kind: "committed" });
  const rest = sent.filter((path) => !committed.has(path));
  if (rest.length === 0) return;
  if (failure === undefined || rest.length === 1) {
    for (const path of rest) {
      settle(path, { kind: "failed", reason: failure ?? refused.get(path) ?? "was not confirmed by the server" });
    }
    return;
  }
  if (whole && committed.size === 0) await checkRoom(rest, sizes, server);
  const half = Math.ceil(rest.length / 2);
  await deliverGroup(rest.slice(0, half), delivery, false);
  await deliverGroup(rest.slice(half), delivery, false);
}

/** A function, since it can change while something is awaited. */
function isStopped({ stop }: Pick<Delivery, "stop">): boolean {
  return stop.aborted;
}

function withoutLarge(
  paths: readonly string[],
  sizes: ReadonlyMap<string, number>,
  { settings, settle }: Delivery,
): readonly string[] {
  return paths.filter((path) => {
    const size = sizes.get(path) ?? 0;
    if (size <= settings.maxPathBytes) return true;
    settle(path, { kind: "too large", reason: `has ${size} bytes; ${settings.maxPathBytes} are uploaded at most` });
    return false;
  });
}

/**
 * What the server would refuse without this builder's signature: what is signed by nobody whom it trusts by itself,
 * built here or not. Content-addressed paths vouch for themselves.
 */
export function toSign(
  known: readonly LocalPath[],
  { settings, key }: Pick<Delivery, "settings" | "key">,
): readonly string[] {
  return known
    .filter(({ contentAddressed, signers }) => {
      if (contentAddressed || signers.includes(key.name)) return false;
      return !signers.some((signer) => settings.upstreamKeys.includes(signer));
    })
    .map(({ path }) => path);
}

/** Where not even the smallest path has room, halving would only ask for each what is known of all. */
async function checkRoom(
  paths: readonly string[],
  sizes: ReadonlyMap<string, number>,
  server: Delivery["server"],
): Promise<void> {
  const smallest = Math.min(...paths.map((path) => sizes.get(path) ?? 0));
  const { onDisk, today } = await server.room();
  if (smallest > onDisk) throw new ServerAway("the server's disk is full");
  if (smallest > today) throw new ServerAway("this builder's bytes of today are used up on the server");
}
