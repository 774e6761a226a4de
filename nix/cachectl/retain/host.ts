/** This server's store as retention and its sisters work on it: with the rights of whoever runs them, root as a rule. */
import { accessSync, constants, existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Invocation } from "../lib/command.ts";
import type { Paths } from "../lib/paths.ts";
import { lastWords, run, searchPath } from "../lib/run.ts";
import { nixSettings } from "../receive/host.ts";
import { diskSpace } from "../receive/limits.ts";
import { findProgram, readConfig } from "../receive/local-host.ts";
import type { StoreAccess } from "../receive/store-query.ts";
import { parseForeignRoots } from "./foreign-roots.ts";
import { readGraph } from "./graph.ts";
import { keepingOf } from "./keeping.ts";
import { readOwnRoots } from "./own-roots.ts";
import type { Graph, Root } from "./plan.ts";
import { recentlyRead } from "./readers.ts";
import { readRetentionSettings, type RetentionSettings } from "./policy.ts";
import type { SurveySources } from "./survey.ts";

/** Everything that a plan is made of, and what carries it out. */
export interface StoreHost extends SurveySources {
  /** Our roots alone: within milliseconds. */
  readOwnRoots(): readonly Root[];
  readonly paths: Paths;
  /** `nix-store`, and the environment that it is run in. */
  readonly access: StoreAccess;
  /** `/nix/var/nix/db/db.sqlite`. */
  readonly databaseFile: string;
  /** `/nix/var/nix`. */
  readonly nixState: string;
  /**
   * On a full disk, removes the file that Nix keeps for this case (`gc-reserved-space`, 8 MiB). Nix does so itself once it
   * collects, but can't open its database for that when no byte is left (tried: "disk I/O error"). It makes a new one.
   */
  giveUpReserve(): void;
}

/** Below this a disk is as good as full: what Nix opens its database with takes some of it already. */
const fullBytes = 16 * 1024 ** 2;

/** As in nix/modules/server/serving.nix. */
const accessLog = "/var/log/nginx/nix-binary-cache.log";
/** Who fetches a large closure over a slow line is at it for so long. */
const readerMilliseconds = 3_600_000;

/** A store of 100,000 paths answers within seconds; one whose disk is busy takes its time. */
const queryMilliseconds = 600_000;

/** Opens this machine's store. Throws an Error when there is no Nix, or when config.json can't be used. */
export function openStoreHost({ paths, env, stderr }: Pick<Invocation, "paths" | "env" | "stderr">): StoreHost {
  const settings = readRetentionSettings(readConfig(paths.config));
  const full = diskSpace(paths.store).freeBytes < fullBytes;
  const config = full ? { NIX_CONFIG: `${env.NIX_CONFIG ?? ""}\ngc-reserved-space = 0` } : {};
  const environment = { ...env, ...config, PATH: searchPath(env.PATH), LC_ALL: "C.UTF-8" };
  const program = (name: string): string => findProgram(name, environment.PATH, []);
  const access = { program: program("nix-store"), environment, timeout: queryMilliseconds };
  const nixState = env.NIX_STATE_DIR ?? "/nix/var/nix";
  const databaseFolder = join(nixState, "db");
  const databaseFile = join(databaseFolder, "db.sqlite");
  const keeping = keepingOf(nixSettings({ environment, program }));
  const log = env.NIX_BINARY_CACHE_ACCESS_LOG ?? accessLog;
  const warn = (message: string): void => void stderr.write(`cachectl: ${message}\n`);
  return {
    paths,
    access,
    databaseFile,
    nixState,
    giveUpReserve: () => {
      if (full) rmSync(join(databaseFolder, "reserved"), { force: true });
    },
    settings,
    readRoots: () => readRoots(paths, access, settings),
    readOwnRoots: () => readOwnRoots(paths.roots, settings),
    readGraph: (): Promise<Graph> => readGraph({ databaseFile, storeDirectory: paths.store, access, keeping, warn }),
    // While it is rotated only the old one is there.
    beingRead: () =>
      [log, `${log}.1`].some((file) => existsSync(file))
        ? recentlyRead(log, Date.now() - readerMilliseconds)
        : undefined,
    freeBytes: () => diskSpace(paths.store).freeBytes,
    now: () => Math.floor(Date.now() / 1000),
  };
}

/** Our roots, and whatever else Nix's collector counts. */
async function readRoots(paths: Paths, access: StoreAccess, settings: RetentionSettings): Promise<Root[]> {
  const own = readOwnRoots(paths.roots, settings);
  const { program, environment: env, timeout } = access;
  const printed = await run(program, ["--gc", "--print-roots"], { env, timeout });
  if (printed.status !== 0) throw new Error(`Nix did not name its roots: ${lastWords(printed)}`);
  return [...own, ...parseForeignRoots(printed.stdout, paths.roots)];
}

/** Sees to it that the roots can be changed. Throws an Error that says who can. */
export function requireRights({ roots }: Paths): void {
  try {
    mkdirSync(roots, { recursive: true, mode: 0o755 });
    accessSync(roots, constants.W_OK);
  } catch (error) {
    throw new Error(`${roots} can't be changed (${(error as Error).message}): run it as root`, { cause: error });
  }
}
