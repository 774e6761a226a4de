import { existsSync } from "node:fs";
import { type Command, type Invocation, UsageError } from "../lib/command.ts";
import { lastWords, run, searchPath } from "../lib/run.ts";
import { findProgram } from "../receive/local-host.ts";
import { requireRights } from "../retain/host.ts";
import { endOfDay, isPinName, type Pin, readPins, removePin, setPin } from "./pins.ts";
import { storePathOf } from "./store-path.ts";

/** A path that is here is answered for at once; one that is to be fetched first may be large. */
const realiseMilliseconds = 3_600_000;

/** `pin NAME PATH [--until DAY]`: exit status 1 when the path is not here and can't be fetched. `pin` alone lists the pins. */
export const command: Command = {
  summary: "keep a path, under a name and until a day if you like; alone: what is pinned",
  usage: "pin [NAME PATH [--until YYYY-MM-DD]] [--json]",
  options: { until: { type: "string" } },
  async run(invocation) {
    const { positionals, options, paths, stdout } = invocation;
    const [name, text, ...rest] = positionals;
    if (name === undefined) return list(invocation);
    if (text === undefined || rest.length > 0)
      throw new UsageError(`expected a name and a path\nusage: cachectl ${command.usage}`);
    const lastDay = options.until === undefined ? undefined : String(options.until);
    const pin = { name, path: storePathOf(text, paths.store), ...(lastDay !== undefined && { lastDay }) };
    check(pin);
    requireRights(paths);
    await secure(pin, invocation);
    stdout.write(options.json === true ? `${JSON.stringify(pin)}\n` : `${describe(pin)}\n`);
    return 0;
  },
};

function check({ name, lastDay }: Pin): void {
  if (!isPinName(name)) {
    throw new UsageError(
      `${JSON.stringify(name.slice(0, 120))} can't name a pin: letters, digits, ._+- and at most 100 of them`,
    );
  }
  if (lastDay === undefined) return;
  const end = endOfDay(lastDay);
  if (end === undefined) throw new UsageError(`--until ${JSON.stringify(lastDay)} is no day, such as 2027-01-31`);
  if (end * 1000 <= Date.now()) throw new UsageError(`--until ${lastDay} is over`);
}

/**
 * Roots the path and then has Nix hold it. A collection that begins after the first step finds the root; one that is
 * under way has read its roots already, and is told of the path by the second (Nix, LocalStore::addTempRoot). A path
 * that is not here is fetched.
 */
async function secure(pin: Pin, { paths, env, stop }: Invocation): Promise<void> {
  const before = readPins(paths.roots).find(({ name }) => name === pin.name);
  setPin(paths.roots, pin);
  const environment = { ...env, PATH: searchPath(env.PATH), LC_ALL: "C.UTF-8" };
  const program = findProgram("nix-store", environment.PATH, []);
  const realised = await run(program, ["--realise", pin.path], {
    env: environment,
    timeout: realiseMilliseconds,
    stop,
  });
  if (realised.status === 0 && existsSync(pin.path)) return;
  removePin(paths.roots, pin.name);
  if (before !== undefined) setPin(paths.roots, before);
  throw new Error(`${pin.path} is not here and can't be fetched, so it was not pinned: ${lastWords(realised)}`);
}

function list({ paths, options, stdout }: Invocation): number {
  const pins = readPins(paths.roots);
  if (options.json === true) stdout.write(`${JSON.stringify({ pins })}\n`);
  else stdout.write(pins.length === 0 ? "nothing is pinned\n" : `${pins.map(describe).join("\n")}\n`);
  return 0;
}

function describe({ name, path, lastDay }: Pin): string {
  return `${name}: ${path}, ${lastDay === undefined ? "until it is unpinned" : `until ${lastDay}`}`;
}
