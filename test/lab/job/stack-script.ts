/** `npm run NAME -- --stack lab …`, as the operator types it. */
import { join } from "node:path";
import { engineFolders, operationEnvironment } from "../engine/environment.ts";
import { findEngine } from "../engine/find.ts";
import { run, type Ended } from "../machines/process.ts";
import { operatorEnvironment, type World } from "../world/world.ts";

/** What it came to; a failure is for the caller to judge. */
export async function stackScript(world: World, name: string, ...args: readonly string[]): Promise<Ended> {
  const { instance, secrets } = world;
  const folders = engineFolders(instance.dir);
  const { path } = await findEngine(() => undefined);
  const env = operationEnvironment(folders, path, secrets.passphrase, operatorEnvironment(world));
  const argv = [process.execPath, join(process.cwd(), `scripts/${name}.ts`), "--stack", "lab", ...args];
  return run(argv, { env, cwd: folders.work, timeoutSeconds: 110 });
}
