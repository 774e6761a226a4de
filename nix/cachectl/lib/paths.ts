/** Where things lie on a host. Every path can be moved by the environment, for tests and for odd machines. */
import { join } from "node:path";

export interface Paths {
  /** /var/lib/nix-binary-cache: config.json, keys/, queue/, state.json and, on the server, builders/, announced/, audit.log. */
  readonly state: string;
  readonly config: string;
  /** This machine's own keys: signing.secret, signing.pub, ssh, ssh.pub. Secret halves 0400. */
  readonly keys: string;
  /** Entries that the hook wrote; see queue/entry.ts. */
  readonly queue: string;
  /** /nix/var/nix/gcroots/nix-binary-cache: incoming/, uploads/, queue/, populate/, pins/. */
  readonly roots: string;
  /** /nix/store. */
  readonly store: string;
}

export function pathsFrom(env: NodeJS.ProcessEnv): Paths {
  const state = env.NIX_BINARY_CACHE_STATE ?? "/var/lib/nix-binary-cache";
  return {
    state,
    config: join(state, "config.json"),
    keys: join(state, "keys"),
    queue: join(state, "queue"),
    roots: env.NIX_BINARY_CACHE_ROOTS ?? "/nix/var/nix/gcroots/nix-binary-cache",
    store: env.NIX_STORE_DIR ?? "/nix/store",
  };
}
