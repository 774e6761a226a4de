/** What the operator types on their own machine, in the folder that holds the lab's stacks' configuration. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { engineFolders, operationEnvironment } from "../engine/environment.ts";
import { findEngine } from "../engine/find.ts";
import { LANGUAGE_HOST } from "../engine/release.ts";
import { type Ended, run } from "../machines/process.ts";
import { operatorEnvironment, type World } from "./world.ts";

const SECONDS = 110;

/** The engine's executable, and whether Pulumi's own command can run the program: its language host lies beside it. */
export async function pulumiOfOperator(): Promise<{ readonly path: string; readonly runsPrograms: boolean }> {
  const { path } = await findEngine(() => undefined);
  return { path, runsPrograms: existsSync(join(dirname(path), LANGUAGE_HOST)) };
}

/** Runs a program with the operator's credentials; `pulumi` is the lab's engine. */
export async function asOperator(
  world: World,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const folders = engineFolders(world.instance.dir);
  const { path } = await pulumiOfOperator();
  const own = operationEnvironment(folders, path, world.secrets.passphrase, operatorEnvironment(world));
  const [program = "", ...args] = argv;
  const found = program === "pulumi" ? path : program;
  return run([found, ...args], { env: { ...own, ...env }, cwd: folders.work, timeoutSeconds: SECONDS });
}

/** Pulumi's own command. @throws Error with what it said when it fails */
export async function pulumiCommand(
  world: World,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { code, stdout, stderr } = await asOperator(world, ["pulumi", ...args, "--non-interactive"], env);
  if (code !== 0) throw new Error(`pulumi ${args.join(" ")}: ${stdout}${stderr}`);
  return stdout;
}
