import { readFileSync } from "node:fs";
import { UsageError, type Command, type Invocation } from "../lib/command.ts";
import { fieldsOf, parseJson } from "../lib/json.ts";
import { makeKeys, readKeys } from "./keys.ts";

export const command: Command = {
  summary: "make this builder's ssh and signing keys, or show their public halves",
  usage: "keys init [--name BUILDER] | keys show   (prints one line of JSON: sshKey, signingKey)",
  options: { name: { type: "string" } },
  run,
};

async function run({ positionals, options, paths, env, stdout }: Invocation): Promise<number> {
  const [verb, ...rest] = positionals;
  if (rest.length > 0 || (verb !== "init" && verb !== "show")) {
    throw new UsageError(`found ${JSON.stringify(positionals.join(" "))}; usage: cachectl ${command.usage}`);
  }
  const halves =
    verb === "show" ? await readKeys(paths, env) : await makeKeys(paths, env, builderName(options.name, paths.config));
  stdout.write(`${JSON.stringify(halves)}\n`);
  return 0;
}

function builderName(given: unknown, config: string): string {
  const name = given ?? nameIn(config);
  if (typeof name === "string" && /^[a-z][a-z0-9-]{0,62}$/.test(name)) return name;
  throw new UsageError(
    `the builder's name is ${name === undefined ? "unknown" : JSON.stringify(name)}; give --name, or "name" in ${config}: lower-case letters, digits and hyphens`,
  );
}

function nameIn(file: string): unknown {
  try {
    return fieldsOf(parseJson(readFileSync(file, "utf8"))).get("name");
  } catch {
    return undefined;
  }
}
