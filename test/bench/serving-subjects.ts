/** What the serving benchmark compares: each ready to be read, with the processes that serve it. */
import { warm } from "../../nix/cachectl/warm/warm.ts";
import { warmSettingsOrDefault } from "../../nix/cachectl/warm/settings.ts";
import { Nginx } from "../nix/serving-nginx.ts";
import { load } from "./serving-load.ts";
import type { Origin } from "./serving-origin.ts";
import type { BenchStore } from "./serving-store.ts";

/** One way of serving, in the state in which its readers find it. */
export interface Ready {
  readonly url: string;
  /** The processes that serve. */
  readonly pids: readonly number[];
  /** Ends what was begun for these readers. */
  readonly end: () => Promise<void>;
}

/** One way of serving. */
export interface Subject {
  readonly name: string;
  readonly encoding: "identity" | "zstd";
  /** Whether its narinfos are measured: those of the others come the same way. */
  readonly narinfos: boolean;
  /** Whether its readers find this state once only. */
  readonly once?: boolean;
  /** Brings it into the state that its name tells. */
  readonly prepare: () => Promise<Ready>;
}

const nothing = (): Promise<void> => Promise.resolve();

/** Everything that is compared. `flat` serves the same NARs as files, compressed by `nix copy`. */
export function subjects(origin: Origin, flat: Nginx, store: BenchStore, nars: readonly string[]): Subject[] {
  const alone: Ready = { url: `http://${origin.address}`, pids: [origin.pid], end: nothing };
  const fresh = async (): Promise<Ready> => {
    const nginx = await Nginx.start(origin.address);
    return { url: nginx.url, pids: [...nginx.pids(), origin.pid], end: () => nginx.stop() };
  };
  const after = async (fill: (url: string) => Promise<unknown>): Promise<Ready> => {
    const ready = await fresh();
    await fill(ready.url);
    return ready;
  };
  const settings = { ...warmSettingsOrDefault({}), bytesPerSecond: 2 ** 40 };
  const warmPaths = async (url: string): Promise<void> => {
    const { skipped } = await warm(store.paths, { ...settings, url }, new AbortController().signal);
    if (skipped.length > 0) throw new Error(`warm left out ${skipped.length}: ${skipped[0]?.reason ?? ""}`);
  };
  return [
    {
      name: `${origin.name} alone, identity`,
      encoding: "identity",
      narinfos: true,
      prepare: () => Promise.resolve(alone),
    },
    { name: `${origin.name} alone, zstd`, encoding: "zstd", narinfos: false, prepare: () => Promise.resolve(alone) },
    { name: "nginx before it, cold", encoding: "zstd", narinfos: false, once: true, prepare: fresh },
    {
      name: "nginx before it, warm",
      encoding: "zstd",
      narinfos: true,
      prepare: () => after((url) => load(url, nars, 4, "zstd")),
    },
    { name: "nginx before it, warmed by `warm`", encoding: "zstd", narinfos: false, prepare: () => after(warmPaths) },
    {
      name: "flat files on nginx",
      encoding: "zstd",
      narinfos: true,
      prepare: () => Promise.resolve({ url: flat.url, pids: flat.pids(), end: nothing }),
    },
  ];
}
