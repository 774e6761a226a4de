/** Puts the provider plugins where the engine looks for them: the doubles, or the real ones that PROVIDERS gives. */
import { existsSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { packageVersion } from "./shared/version.ts";

/** The packages that have a double. */
const PACKAGES = ["tailscale", "github", "command"];

/**
 * Links the plugins into `pulumiHome`/plugins/resource-NAME-vVERSION, VERSION being the installed npm package's: the
 * engine takes nothing else. Running it again renews the links.
 *
 * @param real a folder of real plugins, `pulumi-resource-NAME`: those that it holds are linked in their doubles' place;
 *   undefined or empty: the doubles alone. Default: what PROVIDERS says.
 * @throws Error when the folder holds no plugin that has a double
 */
export function installPlugins(pulumiHome: string, real = process.env.PROVIDERS): void {
  const given = realPlugins(real);
  for (const name of PACKAGES) {
    const folder = join(pulumiHome, "plugins", `resource-${name}-v${packageVersion(name)}`);
    const executable = `pulumi-resource-${name}`;
    mkdirSync(folder, { recursive: true });
    rmSync(join(folder, executable), { force: true });
    symlinkSync(given.get(name) ?? join(import.meta.dirname, name, executable), join(folder, executable));
  }
}

/** The real plugins in `folder`, by the name of their package. */
function realPlugins(folder: string | undefined): Map<string, string> {
  if (folder === undefined || folder === "") return new Map();
  const paths = PACKAGES.map((name) => [name, resolve(folder, `pulumi-resource-${name}`)] as const);
  const found = paths.filter(([, path]) => existsSync(path));
  const expected = PACKAGES.map((name) => `pulumi-resource-${name}`).join(", ");
  if (found.length === 0)
    throw new Error(`PROVIDERS: ${folder} holds none of ${expected}. Name their folder, or leave it out.`);
  return new Map(found);
}
