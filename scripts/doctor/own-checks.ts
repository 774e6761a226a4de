/** The stack itself: can it be read, is it right, are its facts committed. */
import { type SecretKey, secretKeys } from "../../components/config.ts";
import { nameOfStack } from "../../components/stack-name.ts";
import { failure, ok, warning, type Verdict } from "../../nix/cachectl/doctor/finding.ts";
import { plural } from "../../nix/cachectl/doctor/show.ts";
import type { Diagnosable } from "../../nix/cachectl/doctor/check.ts";
import { outputs, rawConfig, readText, secretValue, settings, type StackContext } from "./stack.ts";

type StackCheck = Diagnosable<StackContext>;

const timeout = 60_000;

export const pulumiCheck: StackCheck = {
  name: "pulumi",
  timeout,
  run: async (context) => {
    try {
      const { size } = await rawConfig(context);
      return size > 0
        ? ok(`stack ${context.stack} is there, with ${size} settings`)
        : failure(
            `stack ${context.stack} has no settings of this program`,
            `copy Pulumi.dev.yaml to Pulumi.${nameOfStack(context.stack)}.yaml and edit it`,
          );
    } catch (error) {
      return failure((error as Error).message, mendPulumi((error as Error).message, context.stack));
    }
  },
};

function mendPulumi(said: string, stack: string): string {
  if (/ENOENT|can't be run/.test(said)) return "install Pulumi: https://www.pulumi.com/docs/install/";
  if (/no stack named|not found/i.test(said)) return `pulumi stack init ${stack}`;
  if (/passphrase/i.test(said)) return "set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE";
  return "pulumi login";
}

export const configCheck: StackCheck = {
  name: "config",
  needs: ["pulumi"],
  timeout,
  run: async (context) => {
    try {
      const { config } = await settings(context);
      return ok(
        `${plural(config.builders.length, "builder")}, ${plural(config.clients.length, "client")}, CI ${config.ci.enabled ? "on" : "off"}`,
      );
    } catch (error) {
      const [first = "", ...rest] = (error as Error).message.split("\n").map((line) => line.trim());
      return failure(
        `${first} ${rest.filter((line) => !line.startsWith("mend it")).join("; ")}`,
        rest.find((line) => line.startsWith("mend it: "))?.slice(9) ?? `edit Pulumi.${nameOfStack(context.stack)}.yaml`,
      );
    }
  },
};

/** Pulumi shows a stack's settings without its passphrase or key service; an update is where it would then end. */
async function whyUnreadable(context: StackContext, [name]: ReadonlySet<SecretKey>): Promise<string | undefined> {
  try {
    if (name !== undefined) await secretValue(context, name);
    return undefined;
  } catch (error) {
    return `the secrets can't be decrypted: ${(error as Error).message}`;
  }
}

/** Whether a secret that is not set is one that this stack could do without: then it is told, and no more. */
export const secretsCheck: StackCheck = {
  name: "secrets",
  needs: ["config"],
  timeout,
  run: async (context) => {
    const [{ secrets }, values] = [await settings(context), await rawConfig(context)];
    const open = [...secrets].filter((name) => values.get(name)?.secret !== true);
    const [name] = open;
    if (name !== undefined) {
      return failure(
        `${open.join(", ")} stands in the configuration as plain text`,
        `pulumi config set --secret ${name} --stack ${context.stack} < FILE; then make a new key: this one is known`,
      );
    }
    const unreadable = await whyUnreadable(context, secrets);
    if (unreadable !== undefined) return failure(unreadable, mendPulumi(unreadable, context.stack));
    const absent = Object.keys(secretKeys).filter((key) => !secrets.has(key as keyof typeof secretKeys));
    return ok(
      `set: ${[...secrets].join(", ") || "none"}${absent.length === 0 ? "" : `; not needed: ${absent.join(", ")}`}`,
    );
  },
};

export const nixVarsCheck: StackCheck = {
  name: "nix-vars",
  needs: ["update"],
  timeout,
  run: async (context) => {
    const { nixVars } = await outputs(context);
    const file = `nix/vars/${nameOfStack(context.stack)}.json`;
    return judgeNixVars(file, nixVars, readText(file), `npm run nix-vars -- ${context.stack}, then commit ${file}`);
  },
};

/** The committed facts are what machines' configurations are built from. */
export function judgeNixVars(file: string, wanted: unknown, committed: string | undefined, mend: string): Verdict {
  if (wanted === undefined) return failure("the stack has no output nixVars", "pulumi up");
  if (committed === undefined) return warning(`${file} is not there: machines know nothing of this stack`, mend);
  return sameValue(parse(committed), wanted)
    ? ok(`${file} is what the stack says`)
    : warning(`${file} is not what the stack says`, mend);
}

/** Whether two values are the same JSON, whatever the order of their members. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b;
  const [first, second] = [new Map(Object.entries(a)), new Map(Object.entries(b))];
  return (
    first.size === second.size &&
    [...first].every(([key, value]) => second.has(key) && sameValue(value, second.get(key)))
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
