/** Runs a deploy on the server as Pulumi does, over ssh, without the engine around it; and makes configurations to deploy. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { deployLine } from "../../../components/cache-server/cache-server.ts";
import type { Machine } from "../machines/machine.ts";
import type { Ended } from "../machines/process.ts";
import type { World } from "../world/world.ts";

const SCRIPT = join(import.meta.dirname, "../../../components/cache-server/deploy.sh");
const FLAKE = "path:/etc/nixos";
const MODULE = "/etc/nixos/machines/server.nix";
const SECONDS = 300;

/** What a deploy is to prove. */
export interface Expected {
  readonly url: string;
  readonly publicKeys: readonly string[];
}

/** A deploy that goes on. */
export interface RunningDeploy {
  readonly ended: Promise<Ended>;
  /** Ends the ssh connection, as a lost network would. */
  hangUp(): void;
}

/** The server's configuration with further Nix text in its module. */
export async function configure(server: Machine, addition: string): Promise<void> {
  const { stdout } = await server.must(["sh", "-c", `cat ${MODULE}.first 2>/dev/null || cat ${MODULE}`]);
  await server.writeFile(`${MODULE}.first`, stdout, 0o644);
  const body = stdout.trimEnd().replace(/\}$/, "");
  await server.writeFile(MODULE, `${body}${addition}\n}\n`, 0o644);
}

/** The system that runs, and the one that the next boot takes. */
export async function systemsOf(server: Machine): Promise<{ current: string; profile: string }> {
  const read = async (link: string): Promise<string> => (await server.run(["readlink", "-f", link])).stdout.trim();
  return { current: await read("/run/current-system"), profile: await read("/nix/var/nix/profiles/system") };
}

/** Begins a deploy of what /etc/nixos says. */
export function beginDeploy({ instance, machines }: World, { url, publicKeys }: Expected): RunningDeploy {
  const known = join(instance.dir, "known_hosts");
  const options = [
    "-o",
    `UserKnownHostsFile=${known}`,
    "-o",
    "StrictHostKeyChecking=accept-new",
    "-o",
    "BatchMode=yes",
  ];
  const key = join(instance.dir, "operator", "deployKey");
  const asked = { flake: FLAKE, configuration: "server", expected: "not-previewed", timeoutSeconds: SECONDS };
  const command = deployLine({ ...asked, url, publicKeys });
  const ssh = spawn("ssh", ["-F", "none", "-i", key, ...options, `root@${machines.server.address}`, command]);
  ssh.stdin.on("error", () => undefined).end(readFileSync(SCRIPT));
  const text = { stdout: "", stderr: "" };
  ssh.stdout.on("data", (piece: Buffer) => (text.stdout += piece.toString()));
  ssh.stderr.on("data", (piece: Buffer) => (text.stderr += piece.toString()));
  const ended = new Promise<Ended>((resolve) => {
    ssh.once("close", (code) => {
      resolve({ code: code ?? 255, ...text });
    });
  });
  return { ended, hangUp: () => ssh.kill("SIGKILL") };
}

/** A deploy to its end. */
export function deploy(world: World, expected: Expected): Promise<Ended> {
  return beginDeploy(world, expected).ended;
}
