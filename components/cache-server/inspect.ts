/** What a deploy would do, asked of the server before anything is changed, in preview too. */
import { scriptText, shellWords, type SshTarget } from "../ssh.ts";
import { describeTarget, type Ended, lastLines, runOverSsh, sshFault } from "../ssh-session.ts";

/** The server's answer. */
export interface Inspection {
  /** The system's derivation: it changes if, and only if, the system does. */
  readonly drvPath: string;
  readonly outPath: string;
  /** The flake's git revision; empty for a folder without one. */
  readonly revision: string;
  /** Derivations to build, store paths to fetch, and how much that is, in Nix's own words. */
  readonly builds: number;
  readonly fetches: number;
  readonly size: string;
  /** The system that runs now; empty when there is no system profile yet. */
  readonly current: string;
  /** Public halves, `NAME:BASE64`, that machines were told to trust, by the facts in the system that runs now. */
  readonly told: readonly string[];
}

export interface InspectionRequest {
  readonly target: Omit<SshTarget, "privateKey">;
  readonly privateKey: string | undefined;
  readonly flake: string;
  readonly configuration: string;
  /** Evaluating a NixOS system takes ten to sixty seconds. */
  readonly timeoutSeconds?: number;
}

/**
 * Asks the server what a deploy would do.
 *
 * @throws Error with one message that names the server, what was found, and what to do
 */
export async function inspectServer(request: InspectionRequest): Promise<Inspection> {
  const { target, privateKey, flake, configuration, timeoutSeconds = 300 } = request;
  const ended = await runOverSsh({
    ...{ target, privateKey, timeoutSeconds },
    command: `sh -s -- ${shellWords([flake, configuration])}`,
    stdin: scriptText(new URL("./inspect.sh", import.meta.url)),
  });
  if (ended.code !== 0) throw new Error(explain(request, ended));
  return readInspection(request, ended.stdout);
}

function explain({ target, flake, configuration, timeoutSeconds = 300 }: InspectionRequest, ended: Ended): string {
  const where = `[CacheServer] ${describeTarget(target)}`;
  const fault = sshFault(ended);
  if (fault !== undefined) return `${where}: ${fault}`;
  if (ended.code === null)
    return `${where}: did not answer within ${timeoutSeconds} s. Evaluate the flake there by hand to see why.`;
  const last = lastLines(ended.stderr);
  if (ended.code === 255 || ended.code === 3) return `${where}: ${last}`;
  return (
    `${where}: ${flake}#nixosConfigurations.${configuration} does not evaluate there:\n  ${last}\n` +
    "Mend the flake (or server.flake, server.configuration), then run this again. Nothing was changed."
  );
}

function readInspection({ target }: InspectionRequest, stdout: string): Inspection {
  const line = stdout.trim().split("\n").at(-1) ?? "";
  try {
    return JSON.parse(line) as Inspection;
  } catch {
    throw new Error(
      `[CacheServer] server "${target.name}": answered ${JSON.stringify(line.slice(0, 80))}; expected a line of JSON. ` +
        "Check that the user's shell prints nothing of its own when it is not interactive.",
    );
  }
}
