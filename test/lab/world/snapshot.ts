/** What the world looks like from outside, to tell whether anything was changed. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readState } from "../github/state.ts";
import { MACHINE_NAMES } from "../instance.ts";
import { readPolicy } from "./stand-ins.ts";
import type { World } from "./world.ts";

/** A credential as the stand-in of Tailscale keeps it. */
export interface StoredCredential {
  readonly id: string;
  readonly keyType: string;
  readonly scopes: readonly string[];
  readonly tags: readonly string[];
  readonly revoked?: string;
}

export interface Snapshot {
  readonly policy: string;
  readonly credentials: readonly StoredCredential[];
  /** Repositories with their environments, variables, sealed secrets and commits. */
  readonly github: unknown;
  /** A line for each file of a machine that is no log, cache or store path: mode, size, time, name. */
  readonly machines: Readonly<Record<string, string>>;
}

/** Files that change by themselves, or by being asked: logs, caches, the store and what Nix notes of it. */
const FIND = [
  ...["find", "/etc", "/usr/local", "/home", "/root", "/var/lib", "/nix/var/nix/gcroots", "/nix/var/nix/profiles"],
  ...["(", "-name", ".cache", "-o", "-path", "/var/lib/nix-binary-cache/status", ")", "-prune", "-o"],
  ...["-type", "f,l", "-printf", String.raw`%m %s %T@ %p %l\n`],
];

export async function snapshot(world: World): Promise<Snapshot> {
  const machines = await Promise.all(
    MACHINE_NAMES.map(async (name) => {
      const { stdout } = await world.machines[name].must(FIND);
      return [name, stdout.split("\n").sort().join("\n")] as const;
    }),
  );
  return {
    policy: await readPolicy(world),
    credentials: credentials(world),
    github: readState(join(world.instance.dir, "github.state.json"))?.repositories,
    machines: Object.fromEntries(machines),
  };
}

/** The tailnet's trust credentials, revoked ones too. */
export function credentials({ instance }: World): StoredCredential[] {
  const state = JSON.parse(readFileSync(join(instance.dir, "tailscale.state.json"), "utf8")) as {
    readonly keys: StoredCredential[];
  };
  return state.keys;
}
