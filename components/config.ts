/**
 * The stack's configuration: parsed once, into one readonly object, with every problem in one message.
 *
 * Structured keys hold public settings only. Secrets are keys of their own (`secrets`), never part of a structure,
 * because a structure's values reach the state as plain text.
 */
import * as pulumi from "@pulumi/pulumi";
import { z } from "zod";
import { contradictions } from "./config/contradictions.ts";
import * as section from "./config/sections.ts";
import { nameOfStack } from "./stack-name.ts";

/** Every structured key, by its name after `nix-binary-cache:`. */
export const stackSchema = z.strictObject({
  cache: section.cache.prefault({}),
  signing: section.signing.prefault({}),
  server: section.server,
  builders: z.array(section.builder).default([]).describe("Machines that upload what they build"),
  clients: z.array(section.client).default([]).describe("Machines that only read"),
  populate: section.populate.prefault({}),
  retention: section.retention.prefault({}),
  uploads: section.uploads.prefault({}),
  tailnet: section.tailnet.prefault({}),
  ci: section.ci.prefault({}),
});

export type StackConfig = z.output<typeof stackSchema>;
export type BuilderConfig = StackConfig["builders"][number];

/** The secret keys, set with `pulumi config set --secret`; each may be absent where its sentence says so. */
export const secretKeys = {
  deployKey:
    "OpenSSH private key that deploys to the server and to builders with install: ssh; absent: the ssh agent's",
  ciSigningKey: "the CI builder's Nix signing key; `npm run ci-keys` makes it; needed when ci.enabled",
  ciSshKey: "the CI builder's ssh key; `npm run ci-keys` makes it; needed when ci.enabled and server.ssh is openssh",
} as const;

export type SecretKey = keyof typeof secretKeys;
export type StackSecrets = Readonly<Record<SecretKey, pulumi.Output<string> | undefined>>;

/** One thing that is wrong: the setting, what about it, and the command that mends it. */
export interface Problem {
  readonly key: string;
  readonly what: string;
}

/** Thrown with every problem of the configuration at once. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly Problem[];
  constructor(problems: readonly Problem[], stack: string) {
    const lines = problems.map(
      ({ key, what }) =>
        `  ${key}: ${what}\n    mend it: ${what === unknown ? removal(key, stack) : remedy(key, stack)}`,
    );
    super(`The configuration of stack "${stack}" has ${problems.length} problem(s):\n${lines.join("\n")}`);
    this.problems = problems;
  }
}

const unknown = "is not a setting of this program";

function removal(key: string, stack: string): string {
  const [root = key, ...path] = partsOf(key);
  const wanted = path.length === 0 ? root : `--path '${pathOf([root, ...path])}'`;
  return `pulumi config rm ${wanted} --stack ${stack}`;
}

function partsOf(key: string): string[] {
  return key.split(/[.[\]]+/).filter((part) => part !== "");
}

function pathOf(parts: readonly string[]): string {
  return parts
    .map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`))
    .join("")
    .slice(1);
}

/** The command for a key: a secret's reads standard input, so that it never stands in an argument list. */
function remedy(key: string, stack: string): string {
  if (Object.hasOwn(secretKeys, key)) return `pulumi config set --secret ${key} --stack ${stack} < FILE`;
  return `pulumi config set --path '${pathOf(partsOf(key))}' VALUE --stack ${stack}   (or edit Pulumi.${nameOfStack(stack)}.yaml)`;
}

/** Turns zod's issues into ours; an unknown key is named by its own path. */
function problemsOf(error: z.ZodError): Problem[] {
  return error.issues.flatMap((issue) => {
    const path = z.core.toDotPath(issue.path);
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({
        key: path === "" ? key : `${path}.${key}`,
        what: unknown,
      }));
    }
    if (issue.input === undefined) return [{ key: path, what: "is missing" }];
    return [{ key: path, what: `${lowerFirst(issue.message)}; found ${JSON.stringify(issue.input)}` }];
  });
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/**
 * Parses the raw values of the structured keys.
 *
 * @param raw the values by key, as YAML or JSON gave them
 * @param presentSecrets the names of the secret keys that are set
 * @throws ConfigError naming every problem
 */
export function parseConfig(raw: unknown, presentSecrets: ReadonlySet<SecretKey>, stack: string): StackConfig {
  const parsed = stackSchema.safeParse(raw, { reportInput: true });
  if (!parsed.success) throw new ConfigError(problemsOf(parsed.error), stack);
  const problems = contradictions(parsed.data, presentSecrets);
  if (problems.length > 0) throw new ConfigError(problems, stack);
  return parsed.data;
}

/** The configuration and the secrets of the current stack. */
export interface LoadedConfig {
  readonly config: StackConfig;
  readonly secrets: StackSecrets;
  readonly stack: string;
}

/**
 * Reads the current stack's configuration from Pulumi.
 *
 * @throws RunError with what is wrong, every problem in it: Pulumi shows its text, and no JavaScript stack
 */
export function loadConfig(): LoadedConfig {
  try {
    return readConfig();
  } catch (error) {
    throw error instanceof ConfigError ? new pulumi.RunError(error.message) : error;
  }
}

function readConfig(): LoadedConfig {
  const stack = pulumi.getStack();
  const source = new pulumi.Config();
  const names = Object.keys(secretKeys) as SecretKey[];
  const secrets = Object.fromEntries(names.map((key) => [key, source.getSecret(key)])) as StackSecrets;
  const present = new Set(names.filter((key) => secrets[key] !== undefined));
  return { config: parseConfig(rawValues(source, stack), present, stack), secrets, stack };
}

/** Collects what is set, also what is unknown, so that a misspelt key is named instead of ignored. */
function rawValues(source: pulumi.Config, stack: string): Record<string, unknown> {
  const prefix = `${source.name}:`;
  const keys = Object.keys(pulumi.runtime.allConfig())
    .filter((key) => key.startsWith(prefix))
    .map((key) => key.slice(prefix.length))
    .filter((key) => !Object.hasOwn(secretKeys, key));
  return Object.fromEntries(keys.map((key) => [key, parseValue(source.require(key), key, stack)]));
}

function parseValue(text: string, key: string, stack: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ConfigError([{ key, what: "expected a structure (an object or a list), found plain text" }], stack);
  }
}
