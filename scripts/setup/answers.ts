/** The answers that can be given beforehand: as flags, or in a file of the same names. */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { parse } from "yaml";
import { z } from "zod";

/** Wrong usage: told with the usage. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** What a machine is to the cache. "ssh": a builder that Pulumi installs on; "module": a builder by its own Nix configuration. */
export const roles = ["ssh", "module", "client", "none"] as const;
export type Role = (typeof roles)[number];

/** Every answer, by the name of its flag; each may be absent. Sentences are what `--help` and the prompts show. */
export const answers = {
  stack: "name of the stack, an organisation's too (acme/home): its file is Pulumi.NAME.yaml",
  server: "name of the machine that serves the cache",
  "server-address": "its tailnet address",
  "server-system": "what it builds for, such as x86_64-linux",
  "server-ssh": "who answers on its ssh port: openssh or tailscale",
  "ssh-port": "the port of its ssh server",
  "host-key": 'its ssh host key, "ssh-ed25519 AAAA…"',
  flake: "flake of its NixOS configuration, as the server resolves it, such as github:alice/nixos-config",
  configuration: "NAME in the flake's nixosConfigurations.NAME",
  outputs: "what the server builds on its schedule: discover, or outputs separated by commas",
  "disk-budget": "what the kept closures may take, such as 100GiB",
  "test-user": "a member of the tailnet for the policy's tests, or none",
  ci: "GitHub repository whose macOS workflow fills the cache, OWNER/NAME, or none",
  "ci-auth": "how CI joins the tailnet: workload-identity (nothing stored) or oauth-client",
  "ci-outputs": "what CI builds, separated by commas",
  owners: "who may assign the stack's tags, separated by commas: autogroup:admin, or the tag of Pulumi's OAuth client",
} as const;
export type AnswerName = keyof typeof answers;

/** A machine as answered; what is absent is found out or asked. */
export const machineAnswer = z.strictObject({
  role: z.enum(roles),
  system: z.string().optional(),
  address: z.string().optional(),
  hostKey: z.string().optional(),
  sshKey: z.string().optional(),
  signingKey: z.string().optional(),
});
export type MachineAnswer = z.output<typeof machineAnswer>;

/** What was given beforehand. */
export interface Given {
  readonly values: Readonly<Partial<Record<AnswerName, string>>>;
  readonly machines: Readonly<Record<string, MachineAnswer>>;
  /** Take host keys as the network shows them. */
  readonly trustHostKeys: boolean;
  /** Change a stack's file that is there. */
  readonly overwrite: boolean;
  /** Write the file, and leave Pulumi alone. */
  readonly noPreview: boolean;
  /** Never ask, even on a terminal. */
  readonly noInput: boolean;
}

const scalar = z.union([z.string(), z.number()]).transform(String);
const fileSchema = z.strictObject({
  ...(Object.fromEntries(Object.keys(answers).map((name) => [name, scalar.optional()])) as Record<
    AnswerName,
    z.ZodOptional<typeof scalar>
  >),
  machines: z.record(z.string(), machineAnswer).default({}),
});

const switches = {
  "trust-host-keys": { type: "boolean", default: false },
  overwrite: { type: "boolean", default: false },
  "no-preview": { type: "boolean", default: false },
  "no-input": { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const;

export const usage = `usage: npm run setup -- [--ANSWER VALUE]... [--machine NAME=ROLE[,SYSTEM]]... [--answers FILE]

Writes Pulumi.STACK.yaml; asks for what it can't find out. Without a terminal every answer is given here:

${Object.entries(answers)
  .map(([name, sentence]) => `  --${name.padEnd(16)}${sentence}`)
  .join("\n")}
  --machine         another machine: ROLE is ssh (builder, Pulumi installs the hook), module (builder, by its own
                    Nix configuration), client (only reads) or none
  --answers         YAML with the same names, and machines: {NAME: {role, system, address, hostKey, …}}

  --trust-host-keys take ssh host keys as the network shows them, without a look
  --overwrite       change Pulumi.STACK.yaml where it is there already
  --no-preview      write the file, and leave Pulumi alone
  --no-input        never ask, even on a terminal
  --help            this`;

/** Reads flags and the answers file; flags win. @returns undefined when help was asked for. @throws UsageError */
export function readGiven(args: readonly string[]): Given | undefined {
  const values = parseFlags(args);
  if (values.help) return undefined;
  const file = values.answers === undefined ? { machines: {} } : readAnswersFile(values.answers);
  const { machines, ...fromFile } = file;
  const names = Object.keys(answers) as AnswerName[];
  const flags = Object.fromEntries(names.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]]])));
  return {
    values: { ...fromFile, ...flags },
    machines: { ...machines, ...Object.fromEntries((values.machine ?? []).map(readMachine)) },
    trustHostKeys: values["trust-host-keys"],
    overwrite: values.overwrite,
    noPreview: values["no-preview"],
    noInput: values["no-input"],
  };
}

function parseFlags(args: readonly string[]) {
  const strings = Object.fromEntries(Object.keys(answers).map((name) => [name, { type: "string" }])) as Record<
    AnswerName,
    { type: "string" }
  >;
  const options = {
    ...strings,
    ...switches,
    answers: { type: "string" },
    machine: { type: "string", multiple: true },
  } as const;
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** "macbook=ssh,aarch64-darwin" */
function readMachine(text: string): [string, MachineAnswer] {
  const match = /^([^=,]+)=([a-z]+)(?:,(.+))?$/.exec(text);
  const role = roles.find((candidate) => candidate === match?.[2]);
  if (match?.[1] === undefined || role === undefined) {
    throw new UsageError(
      `--machine: found "${text}", expected NAME=ROLE or NAME=ROLE,SYSTEM with ROLE one of ${roles.join(", ")}`,
    );
  }
  return [match[1], match[3] === undefined ? { role } : { role, system: match[3] }];
}

function readAnswersFile(file: string): z.output<typeof fileSchema> {
  const parsed = fileSchema.safeParse(parseYaml(file) ?? {});
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => {
    const path = z.core.toDotPath(issue.path);
    return `  ${path === "" ? "" : `${path}: `}${issue.message}`;
  });
  throw new UsageError(`--answers ${file}:\n${lines.join("\n")}`);
}

function parseYaml(file: string): unknown {
  try {
    return parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new UsageError(`--answers ${file}: ${(error as Error).message.split("\n")[0] ?? "can't be read"}`);
  }
}
