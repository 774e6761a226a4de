import { UsageError, type Command, type Invocation } from "../lib/command.ts";
import { readConfig } from "../receive/local-host.ts";
import { fieldsOf, listOf } from "../lib/json.ts";
import { canReadLog, keepWords, latestWords, type Word } from "./word.ts";

/** A machine's last word, and what the stack calls the machine. */
export interface ClientWord extends Word {
  readonly name: string | undefined;
}

export const command: Command = {
  summary: "which machines said that they trust which of the cache's keys, and when",
  usage: "clients [--json]",
  run,
};

function run({ options, positionals, paths, env, stdout, stderr }: Invocation): Promise<number> {
  if (positionals.length > 0)
    throw new UsageError(`found ${JSON.stringify(positionals[0])}; usage: cachectl ${command.usage}`);
  if (!canReadLog(env)) stderr.write("what was said lately can't be read; as root: sudo cachectl clients\n");
  const words = latestWords(paths.state, env);
  try {
    keepWords(paths.state, words);
  } catch (error) {
    // Whoever may only read sees them all the same.
    if ((error as NodeJS.ErrnoException).code !== "EACCES") throw error;
  }
  const names = namesIn(readConfig(paths.config));
  const clients = words.map((word): ClientWord => ({ name: names.get(word.address), ...word }));
  stdout.write(options.json === true ? `${JSON.stringify({ version: 1, clients })}\n` : describeClients(clients));
  return Promise.resolve(0);
}

/** Names by address, of `machines` in config.json. */
function namesIn(config: unknown): ReadonlyMap<string, string> {
  const pairs = listOf(fieldsOf(config).get("machines")).map((machine) => {
    const fields = fieldsOf(machine);
    return [fields.get("address"), fields.get("name")];
  });
  return new Map(pairs.filter((pair): pair is [string, string] => pair.every((text) => typeof text === "string")));
}

/** A line each, aligned. */
export function describeClients(clients: readonly ClientWord[]): string {
  if (clients.length === 0) return "no machine has said yet which keys it trusts; there: cachectl doctor\n";
  const rows = clients.map(({ address, name = "-", keys, at }) => [
    ...[address, name, keys.join(", ") || "none"],
    new Date(at).toISOString().slice(0, 16).replace("T", " "),
  ]);
  const all = [["address", "name", "trusts", "said (UTC)"], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) => `${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}\n`).join("");
}
