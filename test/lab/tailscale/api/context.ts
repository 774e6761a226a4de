import type { Tailnet, User } from "../policy/tailnet.ts";
import type { Actor } from "./actor.ts";
import type { Store } from "./store.ts";

/** A request that has been authenticated, with the world it is answered in. */
export interface Context {
  readonly method: string;
  /** Path after "/api/v2", without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
  readonly actor: Actor;
  readonly store: Store;
  readonly users: readonly User[];
  readonly now: Date;
  /** Called, and waited for, after every change of what may reach what. */
  readonly changed: () => Promise<void>;
}

/** The tailnet as policies see it: the users and the machines there are now. */
export function tailnetOf({ store, users }: Pick<Context, "store" | "users">): Tailnet {
  return { users, nodes: store.state.devices };
}
