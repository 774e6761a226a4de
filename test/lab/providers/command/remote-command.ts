/** command.remote.Command (pulumi-command v1.2.1 provider/pkg/provider/remote/commandController.go, commandOutputs.go). */
import { randomBytes } from "node:crypto";
import type { Operation, ResourceDouble } from "../shared/double.ts";
import { text, type Bag } from "../shared/wire.ts";
import { withConnection } from "./connection.ts";
import { run, trimmed, type Ended } from "./process.ts";

function environment(inputs: Bag): Record<string, string> {
  const given = Object.entries((inputs.environment ?? {}) as Bag);
  return Object.fromEntries(given.map(([name, value]) => [name, text(value)]));
}

// Sent optimistically: a server that does not accept them gets a warning.
function previousOutput(inputs: Bag, state: Bag): Record<string, string> {
  if (inputs.addPreviousOutputInEnv === false) return {};
  const { stdout, stderr } = state;
  return {
    ...(typeof stdout === "string" && stdout !== "" ? { PULUMI_COMMAND_STDOUT: stdout } : {}),
    ...(typeof stderr === "string" && stderr !== "" ? { PULUMI_COMMAND_STDERR: stderr } : {}),
  };
}

function logged(inputs: Bag, operation: Operation): (stream: "stdout" | "stderr", line: string) => void {
  const logging = inputs.logging ?? "stdoutAndStderr";
  return (stream, line) => {
    if (logging === "stdoutAndStderr" || logging === stream) operation.log("info", line);
  };
}

/**
 * Fails when the server does not accept a variable. The real provider is told so by the server; OpenSSH's client does
 * not ask, so a session before the command's own looks.
 */
function unaccepted(names: string[]): Error {
  const which = names.map((name) => `"${name}"`).join(", ");
  return new Error(
    `could not set environment variable ${which}: ssh: setenv failed. This only works if your SSH server is configured to accept these variables via AcceptEnv`,
  );
}

/** The real provider's own words. */
function warnUnaccepted(name: string, operation: Operation): void {
  operation.log(
    "warning",
    `Unable to set '${name}'. This only works if your SSH server is configured to accept
\tthese variables via AcceptEnv. Alternatively, if a Bash-like shell runs the command on the remote host, you could
\tprefix the command itself with the variables in the form 'VAR=value command'`,
  );
}

async function execute(command: string, inputs: Bag, state: Bag, operation: Operation): Promise<Bag> {
  const variables = environment(inputs);
  const names = Object.keys(variables);
  const optimistic = previousOutput(inputs, state);
  const send = [...names, ...Object.keys(optimistic)].flatMap((name) => ["-o", `SendEnv=${name}`]);
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, ...optimistic, ...variables };
  const { signal } = operation;
  const ended = await withConnection(inputs.connection as Bag, operation, async (way) => {
    const ssh = (remote: string, more: object = {}): Promise<Ended> =>
      run({ command: "ssh", args: ["-T", ...way.options, ...send, "--", way.host, remote], env, signal, ...more });
    if (names.length > 0) {
      const probe = await ssh(`printenv ${names.join(" ")} > /dev/null`);
      if (!way.dialled()) return probe;
      if (probe.status !== 0) throw unaccepted(names);
    }
    for (const name of Object.keys(optimistic)) {
      const probe = await ssh(`printenv ${name} > /dev/null`);
      if (!way.dialled()) return probe;
      if (probe.status !== 0) warnUnaccepted(name, operation);
    }
    const stdin = inputs.stdin;
    return ssh(command, { onLine: logged(inputs, operation), ...(typeof stdin === "string" ? { stdin } : {}) });
  });
  if (ended.status !== 0) throw new Error(`${exitReason(ended)}: running ${JSON.stringify(command)}:\n${ended.both}`);
  return { stdout: trimmed(ended.stdout), stderr: trimmed(ended.stderr) };
}

function exitReason({ status, signal }: Ended): string {
  if (signal !== null) return `Process exited with status -1 from signal ${signal.replace("SIG", "")}`;
  return `Process exited with status ${status}`;
}

/** What gives `name`-xxxxxxxx ids (resource.NewUniqueHex). */
export function uniqueId(name: string): string {
  return `${name}${randomBytes(4).toString("hex")}`;
}

/** command.remote.Command: a change runs `update`, or `create` again where there is none; `triggers` replace. */
export function remoteCommand(): ResourceDouble {
  return {
    inputs: {
      addPreviousOutputInEnv: "boolean",
      connection: "Connection, required, secret",
      create: "string",
      delete: "string",
      environment: "map",
      logging: "string",
      stdin: "string",
      triggers: "list, replaces",
      update: "string",
    },
    outputs: { stderr: "string", stdout: "string" },
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
