/** Puts the provider doubles where the engine looks for plugins. */
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { packageVersion } from "./shared/version.ts";

/** The packages that have a double. */
const PACKAGES = ["tailscale", "github", "command"];

/**
 * Links the doubles into `pulumiHome`/plugins/resource-NAME-vVERSION, VERSION being the installed npm package's: the
 * engine takes nothing else. Running it again renews the links.
 */
export function installPlugins(pulumiHome: string): void {
  for (const name of PACKAGES) {
    const folder = join(pulumiHome, "plugins", `resource-${name}-v${packageVersion(name)}`);
    const executable = `pulumi-resource-${name}`;
    mkdirSync(folder, { recursive: true });
    rmSync(join(folder, executable), { force: true });
    symlinkSync(join(import.meta.dirname, name, executable), join(folder, executable));
  }
}
