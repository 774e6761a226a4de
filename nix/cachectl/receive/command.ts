import type { Command } from "../lib/command.ts";
import { localHost } from "./local-host.ts";
import { receive } from "./receive.ts";

/** The arguments are those of a login shell: none, or `-c COMMAND`. */
export const command: Command = {
  summary: "answer one call of a builder: the login shell of the account that takes uploads",
  usage: "receive [-c COMMAND]",
  raw: true,
  run: (invocation) => receive(invocation.positionals, localHost(invocation), invocation.stop),
};
