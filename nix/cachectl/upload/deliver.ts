import { deliverGroup, newProgress, prepare } from "./group.ts";
import type { LocalPath } from "./local-store.ts";
import { matchingPattern, nameOf } from "./patterns.ts";
import type { ToldQueue } from "../receive/told-queue.ts";
import type { Committed, Room } from "./server.ts";
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
    tell(queue: ToldQueue): Promise<void>;
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
  const [invalid] = await together(store.invalid(wanted), server.open());
  const valid = wanted.filter((path) => !invalid.has(path));
  const progress = newProgress();
  // What goes wrong with a path here goes wrong again in its group, which finds out whose fault it is.
  const [, prepared] = await together(
    server.announce(wanted),
    prepare(valid, delivery, progress).catch(() => valid),
  );
  if (invalid.size > 0) await settleInvalid([...invalid], delivery);
  await deliverGroup(prepared, delivery, progress);
}

/** This machine's work and the server's at the same time. Waits for both before it throws: neither is left running. */
async function together<A, B>(one: Promise<A>, other: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([one, other]);
  return [await one, await other];
}

/** What this machine no longer has may be on the server already: sent just before a power cut, or by another builder. */
async function settleInvalid(paths: readonly string[], { server, settle }: Delivery): Promise<void> {
  const { committed } = await server.commit(paths);
  for (const path of paths) {
    if (committed.has(path)) settle(path, { kind: "committed" });
    else settle(path, { kind: "gone", reason: "is no longer in this machine's store, and not on the server" });
  }
}
