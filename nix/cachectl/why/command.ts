import { basename } from "node:path";
import { type Command, UsageError } from "../lib/command.ts";
import { storePathOf } from "../pin/store-path.ts";
import { openStoreHost } from "../retain/host.ts";
import { survey } from "../retain/survey.ts";
import { type Holder, type Reasons, reasonsFor } from "./why.ts";

const shortList = 10;

/** `why PATH`: exit status 0 when something keeps it, 1 when nothing does or it is not here. */
export const command: Command = {
  summary: "what keeps a path, or when it will go",
  usage: "why PATH [--all] [--json]",
  options: { all: { type: "boolean" } },
  async run(invocation) {
    const { positionals, options, paths, stdout } = invocation;
    const [text, ...rest] = positionals;
    if (text === undefined || rest.length > 0)
      throw new UsageError(`expected one path\nusage: cachectl ${command.usage}`);
    const path = storePathOf(text, paths.store);
    const host = openStoreHost(invocation);
    const { graph, plan } = await survey(host);
    const reasons = reasonsFor(path, graph, plan, host.settings);
    stdout.write(options.json === true ? `${JSON.stringify(reasons)}\n` : describe(reasons, options.all === true));
    return reasons.holders.some(({ stays }) => stays) ? 0 : 1;
  },
};

/** The answer for people, what keeps the path before what no longer will. */
export function describe({ path, known, holders }: Reasons, all: boolean): string {
  if (!known) return `${path} is not in the store\n`;
  const staying = holders.filter(({ stays }) => stays).length;
  const verdict =
    staying > 0
      ? `is kept by ${staying} ${staying === 1 ? "root" : "roots"}`
      : holders.length > 0
        ? "goes with the next run of retain"
        : "has no root that keeps it: Nix's next collection deletes it (cachectl pin keeps it)";
  const shown = all ? holders : holders.slice(0, shortList);
  const more = holders.length - shown.length;
  return [`${path} ${verdict}`, ...shown.flatMap(lines), ...(more > 0 ? [`and ${more} more (--all)`] : []), ""].join(
    "\n",
  );
}

function lines({ root, stays, reason, chain, goes }: Holder): string[] {
  const way = chain.slice(0, -1).map((path) => basename(path).slice(33));
  const through = way.length === 0 ? [] : [`    by way of ${way.join(", then ")}`];
  return [`  ${stays ? "kept" : "goes"}: ${reason}`, `    root ${root.name}`, ...through, `    goes ${goes}`];
}
