import { type Command, UsageError } from "../lib/command.ts";
import { requireRights } from "../retain/host.ts";
import { readPins, removePin } from "./pins.ts";

/** `unpin NAME`: exit status 1 when there is no such pin. The path itself goes with the next run of `retain`, if at all. */
export const command: Command = {
  summary: "end a pin",
  usage: "unpin NAME [--json]",
  run({ positionals: [name, ...rest], options, paths, stdout, stderr }) {
    if (name === undefined || rest.length > 0) {
      throw new UsageError(`expected one pin's name\nusage: cachectl ${command.usage}`);
    }
    const removed = readPins(paths.roots).find((pin) => pin.name === name);
    if (removed === undefined) {
      const names = readPins(paths.roots).map((pin) => pin.name);
      stderr.write(`cachectl: found no pin ${JSON.stringify(name)}; there are ${names.join(", ") || "none"}\n`);
      return Promise.resolve(1);
    }
    requireRights(paths);
    removePin(paths.roots, name);
    stdout.write(options.json === true ? `${JSON.stringify(removed)}\n` : `unpinned ${removed.path}\n`);
    return Promise.resolve(0);
  },
};
