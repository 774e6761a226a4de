/** One thing that is broken on the lab's machines, what the doctor must say of it, and the small ways to break things. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Level } from "../../../nix/cachectl/doctor/finding.ts";
import type { MachineName } from "../instance.ts";
import type { Machine } from "../machines/machine.ts";
import { readPolicy, writePolicy } from "../world/stand-ins.ts";
import type { World } from "../world/world.ts";

/** What the doctor must say. */
export interface Saying {
  readonly what: string;
  /** Where the doctor is asked. */
  readonly on: MachineName;
  readonly check: string;
  /** @default "failure" */
  readonly level?: Level;
  readonly says: RegExp;
  /** Checks that rightly fail by the same cause. */
  readonly also?: readonly string[];
  /** Arguments and environment that the doctor is run with. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A way to break something, and the way back. */
export interface Change {
  readonly breaks: (world: World) => Promise<unknown>;
  readonly mends: (world: World) => Promise<unknown>;
}

export type Breakage = Saying & Change;

export const STATE = "/var/lib/nix-binary-cache";
export const NIX_CONF = "/etc/nix/nix-binary-cache.conf";
const NGINX = "/etc/nginx/lab.conf";

/** A breakage that the doctor of the server itself is to name, for one of its checks. */
export const onServer =
  (check: string) =>
  (what: string, change: Change, says: RegExp, rest: Pick<Partial<Saying>, "level" | "also"> = {}): Breakage => ({
    ...{ what, on: "server", check, says, ...rest },
    ...change,
  });

/** Nothing is changed: how the doctor is asked is what provokes it. */
export const unchanged: Change = { breaks: () => Promise.resolve(), mends: () => Promise.resolve() };

/** One command that breaks, another that mends. */
export function commands(on: MachineName, breaks: readonly string[], mends: readonly string[]): Change {
  return {
    breaks: ({ machines }) => machines[on].must(breaks),
    mends: ({ machines }) => machines[on].must(mends),
  };
}

/** A file or folder that is not there for a while. */
export function away(on: MachineName, file: string): Change {
  return commands(on, ["mv", file, `${file}.away`], ["mv", "-f", `${file}.away`, file]);
}

/** A file that says something else for a while; one that was not there is gone again after it. */
export function edited(on: MachineName, file: string, change: (text: string) => string, mode = 0o644): Change {
  return {
    breaks: async ({ machines: { [on]: machine } }) => {
      const text = (await machine.exists(file)) ? await machine.readFile(file) : "";
      await machine.run(["cp", "-a", file, `${file}.kept`]);
      await machine.writeFile(file, change(text), mode);
    },
    mends: ({ machines: { [on]: machine } }) => restored(machine, file),
  };
}

async function restored(machine: Machine, file: string): Promise<void> {
  const kept = await machine.run(["mv", "-f", `${file}.kept`, file]);
  if (kept.code !== 0) await machine.must(["rm", "-f", file]);
}

/** The same of a file of JSON. */
export function editedJson(on: MachineName, file: string, change: (value: Record<string, unknown>) => unknown): Change {
  return edited(on, file, (text) => JSON.stringify(change(JSON.parse(text === "" ? "{}" : text) as never)));
}

/** The server's own config.json with other members. */
export function configured(change: (config: Record<string, unknown>) => Record<string, unknown>): Change {
  return editedJson("server", `${STATE}/config.json`, change);
}

/** nginx answers otherwise for a while. */
export function nginx(change: (text: string) => string): Change {
  const { breaks, mends } = edited("server", NGINX, change);
  return {
    breaks: (world) => breaks(world).then(() => reloaded(world)),
    mends: (world) => mends(world).then(() => reloaded(world)),
  };
}

/** A unit may be started five times in ten seconds; reloaded as often as one likes. Waits until the new workers alone serve. */
async function reloaded({ machines: { server } }: World): Promise<void> {
  const workers = async (): Promise<string[]> =>
    (await server.run(["pgrep", "-x", "-f", "nginx: worker process"])).stdout.split("\n").filter((pid) => pid !== "");
  const before = await workers();
  await server.must(["systemctl", "reload", "nginx"]);
  for (let tries = 0; tries < 60; tries++) {
    const now = await workers();
    if (now.length > 0 && !now.some((pid) => before.includes(pid))) return;
    await sleep(50);
  }
  throw new Error("nginx did not take its configuration up");
}

/** The tailnet's policy says something else for a while. */
export function policy(change: (text: string) => string): Change {
  let before = "";
  return {
    breaks: async (world) => {
      before = await readPolicy(world);
      await writePolicy(world, change(before));
    },
    mends: (world) => writePolicy(world, before),
  };
}

/** One after the other; mended in the order in which they were broken. */
export function both(...changes: readonly Change[]): Change {
  const each = async (verb: keyof Change, world: World): Promise<void> => {
    for (const change of changes) await change[verb](world);
  };
  return { breaks: (world) => each("breaks", world), mends: (world) => each("mends", world) };
}

export const hour = 3600_000;
export const day = 24 * hour;
export const ago = (milliseconds: number): string => new Date(Date.now() - milliseconds).toISOString();
