/** command.local.Command and command.local.run (pulumi-command v1.2.1 provider/pkg/provider/local). */
import type { FunctionDouble, Operation, ResourceDouble } from "../shared/double.ts";
import type { Properties } from "../shared/table.ts";
import { text, type Bag } from "../shared/wire.ts";
import { run, trimmed } from "./process.ts";
import { uniqueId } from "./remote-command.ts";

// assetPaths and archivePaths are accepted and not acted on: this project uses neither.
const COMMON: Properties = {
  addPreviousOutputInEnv: "boolean",
  archivePaths: "strings",
  assetPaths: "strings",
  dir: "string",
  environment: "map",
  interpreter: "strings",
  logging: "string",
  stdin: "string",
};

// The whole environment is inherited, as the real provider does.
function environment(inputs: Bag, state: Bag): Record<string, string | undefined> {
  const given = Object.entries((inputs.environment ?? {}) as Bag);
  const own = Object.fromEntries(given.map(([name, value]) => [name, text(value)]));
  const { stdout, stderr } = inputs.addPreviousOutputInEnv === false ? {} : state;
  return {
    ...process.env,
    ...own,
    ...(typeof stdout === "string" && stdout !== "" ? { PULUMI_COMMAND_STDOUT: stdout } : {}),
    ...(typeof stderr === "string" && stderr !== "" ? { PULUMI_COMMAND_STDERR: stderr } : {}),
  };
}

async function execute(
  command: string,
  inputs: Bag,
  state: Bag,
  operation: Pick<Operation, "signal" | "log">,
): Promise<Bag> {
  const interpreter = (inputs.interpreter as string[] | undefined) ?? ["/bin/sh", "-c"];
  const [program = "/bin/sh", ...args] = interpreter;
  const { dir, stdin, logging = "stdoutAndStderr" } = inputs;
  const ended = await run({
    command: program,
    args: [...args, command],
    env: environment(inputs, state),
    signal: operation.signal,
    ...(typeof dir === "string" ? { cwd: dir } : {}),
    ...(typeof stdin === "string" ? { stdin } : {}),
    onLine: (stream, line) => {
      if (logging === "stdoutAndStderr" || logging === stream) operation.log("info", line);
    },
  });
  if (ended.status !== 0) {
    throw new Error(`exit status ${ended.status}: running ${JSON.stringify(command)}:\n${ended.both}`);
  }
  return { stdout: trimmed(ended.stdout), stderr: trimmed(ended.stderr) };
}

/** command.local.Command: same lifecycle as the remote one, with `/bin/sh -c` unless `interpreter` is given. */
export function localCommand(): ResourceDouble {
  return {
    inputs: { ...COMMON, create: "string", delete: "string", triggers: "list, replaces", update: "string" },
    outputs: { archive: "any", assets: "any", stderr: "string", stdout: "string" },
    unknownOnUpdate: ["stderr", "stdout"],
    create: async (inputs, operation) => {
      const command = inputs.create;
      const state =
        typeof command === "string" ? await execute(command, inputs, {}, operation) : { stdout: "", stderr: "" };
      return { id: uniqueId(operation.name), state };
    },
    update: async (_id, state, inputs, operation) => {
      const command = inputs.update ?? inputs.create;
      return typeof command === "string" ? execute(command, inputs, state, operation) : {};
    },
    delete: async (_id, state, operation) => {
      const command = state.delete;
      if (typeof command === "string") await execute(command, state, state, operation);
    },
  };
}

/** command.local.run: runs on every preview and every up. */
export function localRun(): FunctionDouble {
  return {
    inputs: { ...COMMON, command: "string, required" },
    outputs: [...Object.keys(COMMON), "archive", "assets", "command", "stderr", "stdout"],
    invoke: async (inputs, signal) => ({
      ...inputs,
      ...(await execute(text(inputs.command), inputs, {}, { signal, log: () => undefined })),
    }),
  };
}
