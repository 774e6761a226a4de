import { type Command, UsageError } from "../lib/command.ts";
import { readConfig } from "../receive/local-host.ts";
import { isStorePath } from "../receive/path-list.ts";
import { warmSettingsOrDefault } from "./settings.ts";
import { warm, type WarmResult } from "./warm.ts";

/** `warm PATH…`: exit status 1 when a path was left out. */
export const command: Command = {
  summary: "have the server's nginx fetch the compressed NARs of paths before their first reader does",
  usage: "warm PATH... [--json]",
  async run({ positionals, options, paths, stdout, stop }) {
    const wrong = positionals.find((path) => !isStorePath(path));
    if (wrong !== undefined) throw new UsageError(`${JSON.stringify(wrong.slice(0, 100))} is no store path`);
    if (positionals.length === 0) throw new UsageError(`expected store paths\nusage: cachectl ${command.usage}`);
    const result = await warm(positionals, warmSettingsOrDefault(readConfig(paths.config)), stop);
    stdout.write(options.json === true ? `${JSON.stringify(result)}\n` : describe(result));
    return result.skipped.length === 0 ? 0 : 1;
  },
};

function describe({ warmed, bytes, skipped }: WarmResult): string {
  const lines = skipped.map(({ path, reason }) => `left out ${path}: ${reason}`);
  return [...lines, `warmed ${warmed} paths, ${bytes} bytes`, ""].join("\n");
}
