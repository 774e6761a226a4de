/** The paths that the serving benchmark serves: slices of this program's own executable, which compress as programs do. */
import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, readSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const mebibyte = 1024 ** 2;
/** 24 paths, 65 MiB: many small ones, few large ones, as closures are. */
const sizes = [...Array<number>(16).fill(0.1), ...Array<number>(5).fill(2), ...Array<number>(2).fill(10), 32];

const environment = {
  ...process.env,
  PATH: `${process.env.PATH ?? ""}:/usr/sbin:/usr/bin:/nix/var/nix/profiles/default/bin`,
  NIX_CONFIG: "experimental-features = nix-command\nbuild-users-group =\nsandbox = false\nsubstituters =\n",
};

/** A store of its own, below `folder`. */
export interface BenchStore {
  readonly folder: string;
  readonly paths: readonly string[];
  /** Bytes of all NARs. */
  readonly narBytes: number;
}

/** Runs Nix with nothing of this machine's settings; returns what it wrote. */
export function nix(program: string, args: readonly string[], cache?: string): string {
  const env = cache === undefined ? environment : { ...environment, XDG_CACHE_HOME: cache };
  return execFileSync(program, args, { env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], timeout: 300_000 });
}

/** Makes the store. */
export function makeStore(folder: string): BenchStore {
  const sources = join(folder, "sources");
  mkdirSync(sources, { recursive: true });
  const executable = openSync(process.execPath, "r");
  let position = 4 * mebibyte;
  const files = sizes.map((size, index) => {
    const slice = Buffer.alloc(Math.round(size * mebibyte));
    position += readSync(executable, slice, 0, slice.length, position);
    const file = join(sources, `slice-${index}`);
    writeFileSync(file, slice);
    return file;
  });
  closeSync(executable);
  const root = join(folder, "root");
  const added = files.map((file) => nix("nix", ["store", "add-path", "--store", root, file]).trim());
  return { folder: root, paths: added, narBytes: sizes.reduce((sum, size) => sum + size, 0) * mebibyte };
}
