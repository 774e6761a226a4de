/** The environment of an operation: what the caller gives, and nothing that happens to be set. */
import { homedir } from "node:os";
import { dirname, delimiter, join } from "node:path";

// Credentials and settings that would change what an operation does.
const AMBIENT =
  /^(GITHUB_|GH_|TAILSCALE_|TS_|OAUTH_|IDENTITY_TOKEN$|ACTIONS_|SSH_AUTH_SOCK$|SSH_AGENT_|PULUMI_|NODE_OPTIONS$)/;

/** Folders of an instance's engine. */
export interface EngineFolders {
  home: string;
  state: string;
  work: string;
}

/** The engine's folders below `instanceDir`. */
export function engineFolders(instanceDir: string): EngineFolders {
  const folder = join(instanceDir, "pulumi");
  return { home: join(folder, "home"), state: join(folder, "state"), work: join(folder, "work") };
}

/** This process's environment without ambient credentials, then the engine's settings, then `given`. */
export function operationEnvironment(
  folders: EngineFolders,
  engine: string,
  passphrase: string,
  given: Record<string, string>,
): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !AMBIENT.test(name));
  return {
    ...Object.fromEntries(kept),
    HOME: process.env.HOME ?? homedir(),
    PATH: [dirname(engine), process.env.PATH ?? "/usr/bin:/bin"].join(delimiter),
    LAB_NODE: process.execPath,
    // The real GitHub provider asks `gh` for a token where it has none.
    GH_PATH: "/bin/false",
    PULUMI_HOME: folders.home,
    PULUMI_BACKEND_URL: `file://${folders.state}`,
    PULUMI_CONFIG_PASSPHRASE: passphrase,
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    PULUMI_IGNORE_AMBIENT_PLUGINS: "true",
    ...given,
  };
}
