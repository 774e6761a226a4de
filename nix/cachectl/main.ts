/** cachectl: everything that a private Nix binary cache does on its hosts. One folder a verb, loaded when it is asked for. */
import { parseArgs } from "node:util";
import { keepCompiled } from "./lib/compile-cache.ts";
import { type Command, type Invocation, UsageError } from "./lib/command.ts";
import { pathsFrom } from "./lib/paths.ts";
import { stopSignal } from "./lib/stop.ts";

type Loader = () => Promise<{ readonly command: Command }>;

const verbs: Readonly<Record<string, Loader>> = {
  // On builders
  keys: () => import("./keys/command.ts"),
  upload: () => import("./upload/command.ts"),
  queue: () => import("./queue/command.ts"),
  reconcile: () => import("./reconcile/command.ts"),
  // On the server
  receive: () => import("./receive/command.ts"),
  builders: () => import("./builders/command.ts"),
  clients: () => import("./clients/command.ts"),
  revoke: () => import("./revoke/command.ts"),
  warm: () => import("./warm/command.ts"),
  populate: () => import("./populate/command.ts"),
  coverage: () => import("./coverage/command.ts"),
  retain: () => import("./retain/command.ts"),
  scrub: () => import("./scrub/command.ts"),
  why: () => import("./why/command.ts"),
  pin: () => import("./pin/command.ts"),
  unpin: () => import("./pin/unpin.ts"),
  // Everywhere
  doctor: () => import("./doctor/command.ts"),
  status: () => import("./status/command.ts"),
  canary: () => import("./canary/command.ts"),
};

async function main(args: readonly string[]): Promise<number> {
  const [verb = "help", ...rest] = args;
  if (["help", "--help", "-h"].includes(verb)) return help();
  const load = verbs[verb];
  if (load === undefined)
    throw new UsageError(`found ${JSON.stringify(verb)}; the verbs are ${Object.keys(verbs).join(", ")}`);
  keepCompiled(pathsFrom(process.env).state);
  const { command } = await load();
  const call = invocation(command, rest);
  if (call.options.help !== true) return command.run(call);
  process.stdout.write(`${command.summary}\nusage: cachectl ${command.usage}\n`);
  return 0;
}

function invocation(command: Command, args: readonly string[]): Invocation {
  const { env, stdin, stdout, stderr } = process;
  const common = { paths: pathsFrom(env), env, stdin, stdout, stderr, stop: stopSignal() };
  if (command.raw === true) return { positionals: args, options: {}, ...common };
  const options = { ...command.options, json: { type: "boolean" }, help: { type: "boolean", short: "h" } } as const;
  try {
    const parsed = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
    return { positionals: parsed.positionals, options: parsed.values, ...common };
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}\nusage: cachectl ${command.usage}`);
  }
}

async function help(): Promise<number> {
  const commands = await Promise.all(
    Object.entries(verbs).map(async ([verb, load]) => [verb, (await load()).command] as const),
  );
  const width = Math.max(...commands.map(([verb]) => verb.length));
  const lines = commands.map(([verb, { summary }]) => `  ${verb.padEnd(width)}  ${summary}`);
  process.stdout.write(`usage: cachectl VERB [--json] [--help]\n\n${lines.join("\n")}\n`);
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const usage = error instanceof UsageError;
  process.stderr.write(`cachectl: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = usage ? 2 : 1;
}
