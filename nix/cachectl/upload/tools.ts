import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Paths } from "../lib/paths.ts";
import { searchPath } from "../lib/run.ts";
import { LocalStore } from "./local-store.ts";
import { readSettings, type UploadSettings } from "./settings.ts";
import { writeSshFiles, type SshFiles } from "./ssh-config.ts";

/** What a builder's verbs work with. */
export interface Tools {
  readonly settings: UploadSettings;
  /** The name of this builder's signing key, and its file. */
  readonly key: { readonly name: string; readonly file: string };
  readonly store: LocalStore;
  readonly ssh: SshFiles;
  /** The environment of the programs that are run. */
  readonly env: NodeJS.ProcessEnv;
}

/** Reads the configuration and finds the keys. Throws an Error that says what is missing and what to do. */
export function tools(paths: Paths, given: NodeJS.ProcessEnv, stop: AbortSignal): Tools {
  const settings = readSettings(paths.config);
  const file = join(paths.keys, "signing.secret");
  const key = { file, name: keyNameIn(file) };
  const ssh = writeSshFiles(paths, settings);
  const env = {
    ...given,
    PATH: searchPath(given.PATH),
    // Neither root's settings nor its ssh, and a home that every service may write to.
    HOME: paths.state,
    NIX_USER_CONF_FILES: "/dev/null",
    NIX_SSHOPTS: `-F ${ssh.config}`,
    LC_ALL: "C",
  };
  return { settings, key, store: new LocalStore(env, stop), ssh, env };
}

/** What stands before the colon in a secret key; the rest is let go of at once. */
function keyNameIn(file: string): string {
  try {
    const [name = ""] = readFileSync(file, "utf8").split(":", 1);
    return name;
  } catch (error) {
    throw new Error(
      `${file} can't be read (${(error as Error).message}): make this builder's keys, cachectl keys init`,
    );
  }
}
