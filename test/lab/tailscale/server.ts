/** A double of Tailscale's API: policy, keys, devices, tokens, with the state in a file. Only for 127.0.0.1. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import type { ApiKey } from "./api/actor.ts";
import { type Call, type World, handle } from "./api/http.ts";
import { type DeviceOptions, initialDevices } from "./api/initial-devices.ts";
import { openStore } from "./api/store.ts";
import { type Flow, compileFilter } from "./packet-filter.ts";
import type { User } from "./policy/tailnet.ts";

/** How to start the stand-in. */
export interface TailscaleOptions {
  /** @default 0: any free port */
  readonly port?: number;
  /** JSON file for the state; made when it is absent. Holds no secret, only hashes. */
  readonly statePath: string;
  readonly users: readonly User[];
  /** Used when the state file is made. */
  readonly devices: readonly DeviceOptions[];
  /** API access tokens; each may do what its user may. */
  readonly apiKeys: readonly ApiKey[];
  /** Public keys, in PEM, of the issuers whose identity tokens a federated identity may trust, by issuer. @default none */
  readonly issuers?: Readonly<Record<string, string>>;
  /** Policy held when the state file is made. @default the policy that nobody has edited, which allows everything */
  readonly policy?: string;
  /** Gets the compiled packet filter at the start and after every change of it; an answer waits for it. */
  readonly onPolicy?: (flows: readonly Flow[]) => void | Promise<void>;
}

/** A running stand-in. */
export interface Tailscale {
  /** To be used as TAILSCALE_BASE_URL. */
  readonly url: string;
  /** Calls answered so far, oldest first; the last 10,000. */
  readonly calls: readonly Call[];
  readonly close: () => Promise<void>;
}

/**
 * Starts the stand-in on 127.0.0.1.
 * @throws when the port is taken, the state file is not one, or `onPolicy` fails.
 */
export async function startTailscale(options: TailscaleOptions): Promise<Tailscale> {
  const store = openStore(options.statePath, { policy: options.policy, devices: initialDevices(options.devices) });
  let last: Promise<unknown> = Promise.resolve();
  // One at a time, each with what is held when its turn comes, so that the filter applied last is the newest.
  const changed = async (): Promise<void> => {
    const turn = last.then(() =>
      options.onPolicy?.(compileFilter(store.state.policy, options.users, store.state.devices)),
    );
    last = turn.catch(() => undefined);
    await turn;
  };
  const { users, apiKeys, issuers = {} } = options;
  const world: World = { store, users, apiKeys, issuers, faults: [], calls: [], changed };
  await changed();
  const server = createServer((request, response) => void handle(request, response, world));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls: world.calls, close };
}
