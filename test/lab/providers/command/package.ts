/**
 * A double of the provider plugin of @pulumi/command, for places that cannot download the real one. Remote commands run
 * over this machine's own ssh client, checked against the host key that the connection pins.
 */
import type { PackageDouble } from "../shared/double.ts";
import { CONNECTION_TYPES } from "./connection.ts";
import { copyToRemote } from "./copy-to-remote.ts";
import { localCommand, localRun } from "./local-command.ts";
import { remoteCommand } from "./remote-command.ts";

/** The package; `version` is that of the installed npm package. */
export function commandPackage(version: string): PackageDouble {
  return {
    name: "command",
    version,
    config: {},
    types: CONNECTION_TYPES,
    resources: {
      "command:local:Command": localCommand(),
      "command:remote:Command": remoteCommand(),
      "command:remote:CopyToRemote": copyToRemote(),
    },
    functions: { "command:local:run": localRun() },
    configure: () => Promise.resolve(),
  };
}
