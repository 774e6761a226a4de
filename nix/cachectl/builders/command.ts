import type { Readable } from "node:stream";
import { type Command, type Invocation, UsageError } from "../lib/command.ts";
import { readConfig } from "../receive/local-host.ts";
import { isBuilderName, parseBuilder, type Builder } from "./builder.ts";
import { localDaemon, restartNixDaemon } from "./nix-daemon.ts";
import { addBuilder, removeBuilder, type Registry } from "./register.ts";
import { readBuilders } from "./registry.ts";
import { accountOwner, ensureState } from "./state.ts";

/** A registration has some hundred bytes. */
const longestRegistration = 64 * 1024;

/** `builders add` (a registration as JSON on stdin), `builders remove NAME`, `builders list`. */
export const command: Command = {
  summary: "who may upload: add (JSON on stdin), remove NAME, list",
  usage: "builders add < REGISTRATION.json | remove NAME | list [--json]",
  async run(invocation) {
    const [action = "list", name, ...rest] = invocation.positionals;
    if (action === "list" && name === undefined) return list(invocation);
    if (action === "add" && name === undefined) return change(invocation, await readRegistration(invocation.stdin));
    if (action === "remove" && name !== undefined && rest.length === 0) return remove(invocation, name);
    throw new UsageError(`found "builders ${invocation.positionals.join(" ")}"\nusage: cachectl ${command.usage}`);
  },
};

/** The registry of this machine. */
export function localRegistry({ paths, env }: Pick<Invocation, "paths" | "env">): Registry {
  return {
    stateDirectory: paths.state,
    config: readConfig(paths.config),
    restartNix: () => restartNixDaemon(localDaemon(env)),
  };
}

async function change(invocation: Invocation, builder: Builder): Promise<number> {
  ensureState(invocation.paths, accountOwner());
  return tell(invocation, builder.name, await addBuilder(localRegistry(invocation), builder));
}

async function remove(invocation: Invocation, name: string): Promise<number> {
  if (!isBuilderName(name)) throw new UsageError(`${JSON.stringify(name.slice(0, 80))} is no builder's name`);
  return tell(invocation, name, await removeBuilder(localRegistry(invocation), name));
}

function list({ paths, options, stdout }: Invocation): number {
  const builders = readBuilders(paths.state);
  const rows = builders.map(({ name, system, signingKey, tailnet }) =>
    [name, system, signingKey, tailnet ?? ""].join("\t").trimEnd(),
  );
  stdout.write(options.json === true ? `${JSON.stringify(builders)}\n` : rows.map((row) => `${row}\n`).join(""));
  return 0;
}

function tell({ options, stdout }: Invocation, builder: string, changes: readonly string[]): number {
  const lines = changes.length === 0 ? ["nothing to change"] : changes;
  stdout.write(options.json === true ? `${JSON.stringify({ builder, changes })}\n` : `${lines.join("\n")}\n`);
  return 0;
}

async function readRegistration(stdin: Readable): Promise<Builder> {
  let text = "";
  for await (const chunk of stdin as AsyncIterable<Buffer>) {
    text += chunk.toString("latin1");
    if (text.length > longestRegistration) throw new UsageError("the registration on stdin is over 64 KiB");
  }
  const parsed = parseBuilder(parseJson(text));
  if ("builder" in parsed) return parsed.builder;
  throw new UsageError(`the registration on stdin is not one: ${parsed.problems.join("; ")}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
