/** A stack as Pulumi has it: its configuration and its outputs. */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { parseConfig, type SecretKey, secretKeys, type StackConfig } from "../../components/config.ts";
import { parseJson } from "../../nix/cachectl/lib/json.ts";
import { lastWords, run, type RunResult } from "../../nix/cachectl/lib/run.ts";

/** The project's name in Pulumi. */
export const project = "nix-binary-cache";
const prefix = `${project}:`;
const milliseconds = 60_000;

/** What every check of the stack looks at. */
export interface StackContext {
  readonly stack: string;
  readonly env: NodeJS.ProcessEnv;
  readonly stop: AbortSignal;
  /** "npm run doctor --": what runs a single check again. */
  readonly program: string;
}

/** What a program of its own looks at a stack with. @param program as a person types it, such as "npm run escrow --" */
export function contextOf(stack: string, program: string): StackContext {
  return { stack, env: process.env, stop: new AbortController().signal, program };
}

/** The configuration, parsed, and the names of the secrets that are set. */
export interface StackSettings {
  readonly config: StackConfig;
  readonly secrets: ReadonlySet<SecretKey>;
}

const valueSchema = z.object({
  value: z.string().optional(),
  objectValue: z.unknown().optional(),
  secret: z.boolean().optional(),
});

/** Something worked out once for a context, however many checks ask for it. */
export function once<T>(find: (context: StackContext) => T): (context: StackContext) => T {
  const found = new WeakMap<StackContext, { readonly value: T }>();
  return (context) => {
    const known = found.get(context) ?? { value: find(context) };
    found.set(context, known);
    return known.value;
  };
}

function pulumi({ env, stop }: StackContext, args: readonly string[]): Promise<RunResult> {
  return run("pulumi", [...args, "--non-interactive", "--cwd", process.cwd()], { env, timeout: milliseconds, stop });
}

/** What Pulumi answers about the stack, as JSON. */
export function answerOfStack<T>(context: StackContext, args: readonly string[], schema: z.ZodType<T>): Promise<T> {
  return answerOf(context, [...args, "--stack", context.stack], schema);
}

/** What Pulumi answers as JSON. Rejects with its last words, or says that another version of it must have answered. */
export async function answerOf<T>(context: StackContext, args: readonly string[], schema: z.ZodType<T>): Promise<T> {
  const result = await pulumi(context, args);
  const what = `pulumi ${args.slice(0, 2).join(" ")}`;
  if (result.status !== 0) throw new Error(`${what}: ${lastWords(result)}`);
  const parsed = schema.safeParse(parseJson(result.stdout));
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues.map(({ path }) => path.join(".") || "all of it");
  throw new Error(`${what}: the answer is not as documented: ${fields.join(", ")}; needed is Pulumi 3.200 or newer`);
}

/** The stack's raw values by their keys; a secret's are not asked for. Rejects with Pulumi's last words. */
export const rawConfig = once(async (context): Promise<ReadonlyMap<string, z.output<typeof valueSchema>>> => {
  const answer = await answerOfStack(context, ["config", "--json"], z.record(z.string(), valueSchema));
  const own = Object.entries(answer).filter(([key]) => key.startsWith(prefix));
  return new Map(own.map(([key, value]) => [key.slice(prefix.length), value]));
});

/** Rejects with the configuration's problems, all of them in one message. */
export const settings = once(async (context): Promise<StackSettings> => {
  const values = await rawConfig(context);
  const names = Object.keys(secretKeys) as SecretKey[];
  const secrets = new Set(names.filter((name) => values.has(name)));
  const raw = [...values]
    .filter(([key]) => !Object.hasOwn(secretKeys, key))
    .map(([key, value]) => [key, valueOf(value)]);
  return { config: parseConfig(Object.fromEntries(raw), secrets, context.stack), secrets };
});

/** An object as Pulumi parsed it, or the text, which may be JSON. */
function valueOf({ objectValue, value = "" }: z.output<typeof valueSchema>): unknown {
  if (objectValue !== undefined) return objectValue;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

const outputsSchema = z.object({
  cacheUrl: z.string().optional(),
  publicKeys: z.array(z.string()).optional(),
  toplevel: z.string().optional(),
  escrow: z.record(z.string(), z.string()).optional(),
  nixVars: z.unknown().optional(),
  ciWorkflow: z.object({ path: z.string(), environment: z.string().nullable(), sha256: z.string() }).nullish(),
});
export type StackOutputs = z.output<typeof outputsSchema>;

/** The outputs of the last `pulumi up`; empty before the first. */
export const outputs = once(async (context): Promise<StackOutputs> => {
  return answerOfStack(context, ["stack", "output", "--json"], outputsSchema);
});

const secretValues = once(() => new Map<SecretKey, Promise<string | undefined>>());

/** A secret of the configuration, for use and not for showing; undefined when it is not set. Asked for once. */
export function secretValue(context: StackContext, key: SecretKey): Promise<string | undefined> {
  const known = secretValues(context);
  const value = known.get(key) ?? askForSecret(context, key);
  known.set(key, value);
  return value;
}

async function askForSecret(context: StackContext, key: SecretKey): Promise<string | undefined> {
  if (!(await rawConfig(context)).has(key)) return undefined;
  const result = await pulumi(context, ["config", "get", `${prefix}${key}`, "--stack", context.stack]);
  if (result.status !== 0) throw new Error(`pulumi config get ${key}: ${lastWords(result)}`);
  return result.stdout;
}

/** A file's text; undefined where there is none, or none any more. */
export function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
