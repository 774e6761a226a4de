/** Where the programs are that populate runs. */
import { searchPath } from "../lib/run.ts";
import { findProgram } from "../receive/local-host.ts";

/** A program by its full path. PATH comes first, for the unit says which Nix it means. Throws an Error when there is none. */
export function find(name: string, env: NodeJS.ProcessEnv): string {
  return findProgram(name, searchPath(env.PATH), []);
}

/** The same; undefined when there is none. */
export function findOptional(name: string, env: NodeJS.ProcessEnv): string | undefined {
  try {
    return find(name, env);
  } catch {
    return undefined;
  }
}
