import { readdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../lib/command.ts";
import { isStorePath } from "../receive/path-list.ts";

const hashForm = /^[0-9abcdfghijklmnpqrsvwxyz]{32}$/;

/**
 * The store path that somebody means: by its name, by anything below it, by a link to it (`./result`,
 * `/run/current-system`), or by its hash alone, as it stands in the server's log. Throws a UsageError for anything else.
 */
export function storePathOf(text: string, storeDirectory: string): string {
  const named = firstComponent(text);
  if (named !== undefined) return named;
  if (hashForm.test(text)) {
    const entry = readdirSync(storeDirectory).find((name) => name.startsWith(`${text}-`));
    if (entry !== undefined) return join("/nix/store", entry);
    throw new UsageError(`no path in ${storeDirectory} has the hash ${text}`);
  }
  const linked = firstComponent(realPath(text));
  if (linked !== undefined) return linked;
  throw new UsageError(`${JSON.stringify(text.slice(0, 200))} is no store path, nor a link to one`);
}

function firstComponent(file: string): string | undefined {
  const path = /^\/nix\/store\/[^/]+/.exec(file)?.[0];
  return path !== undefined && isStorePath(path) ? path : undefined;
}

function realPath(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return "";
  }
}
