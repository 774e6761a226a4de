import { readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Invocation } from "../lib/command.ts";
import { isExecutable } from "../lib/executable.ts";
import type { Host } from "./host.ts";

/** Where NixOS, Nix's own installer and Debian put Nix, before whatever PATH has: sshd's PATH may have none of them. */
const nixFolders = ["/run/current-system/sw/bin", "/nix/var/nix/profiles/default/bin", "/usr/bin", "/usr/local/bin"];

/** This machine as the receiver and its sisters work on it. Throws an Error when config.json is there and can't be used. */
export function localHost({ paths, env, stdin, stdout, stderr }: Omit<Invocation, "positionals" | "options">): Host {
  return {
    stateDirectory: paths.state,
    rootsDirectory: paths.roots,
    storeDirectory: paths.store,
    config: readConfig(paths.config),
    environment: env,
    program: (name) => findProgram(name, env.PATH),
    input: stdin,
    output: stdout,
    errors: stderr,
  };
}

/** The whole of config.json; undefined when there is none. Throws an Error that names the file when it is no JSON. */
export function readConfig(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new Error(`${file} can't be read: ${(error as Error).message}. Make it readable for all: it holds no secret`);
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${file} is not JSON: write it anew by deploying the server`);
  }
}

/** A program of Nix by its full path. Throws an Error that says where it was looked for. */
export function findProgram(name: string, path = "", folders: readonly string[] = nixFolders): string {
  const candidates = [...folders, ...path.split(delimiter).filter((folder) => folder.startsWith("/"))];
  const found = candidates.map((folder) => join(folder, name)).find(isExecutable);
  if (found === undefined) throw new Error(`found no ${name} in ${candidates.join(", ")}: install Nix`);
  return found;
}
