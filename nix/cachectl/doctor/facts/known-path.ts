/** A path of which the cache says that it has it: what is checked stands for all. */
import { existsSync, readdirSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { isStorePath } from "../../receive/path-list.ts";
import { get } from "./cache-info.ts";
import { below, cacheUrl } from "./cache-url.ts";
import { narinfoName, parseNarinfo, type SignedNarinfo } from "./narinfo.ts";
import { shared, type Machine } from "../machine.ts";

const mostAsked = 12;
const mostLinks = 4;

/**
 * The first path that the cache has of: the one given on the command line, what the server itself names, and what is
 * here. Undefined when it has none of them. Rejects when it gives no answer, or says what is no narinfo.
 */
export const knownPath = shared(async (machine): Promise<SignedNarinfo | undefined> => {
  const url = await cacheUrl(machine);
  const candidates =
    machine.path === undefined ? [...(await namedByServer(machine)), ...namedHere(machine)] : [machine.path];
  for (const path of [...new Set(candidates)].slice(0, mostAsked)) {
    const answer = await get(below(url, narinfoName(path)), machine.stop);
    if (answer.status === 404) continue;
    const narinfo = answer.status === 200 ? parseNarinfo(answer.text) : undefined;
    if (narinfo === undefined) throw new Error(`the cache answers ${answer.status} for ${path}, and no narinfo`);
    return narinfo;
  }
  return undefined;
});

/** What the server's status page names: a path that was uploaded, or built there. */
async function namedByServer(machine: Machine): Promise<readonly string[]> {
  const answer = await get(below(await cacheUrl(machine), ""), machine.stop).catch(() => undefined);
  const path = /data-known-path="([^"]+)"/.exec(answer?.text ?? "")?.[1] ?? "";
  return answer?.status === 200 && isStorePath(path) ? [path] : [];
}

/** What this machine may have from the cache: on the server what has a root, elsewhere the system that it runs. */
export function namedHere({ paths: { roots } }: Pick<Machine, "paths">): readonly string[] {
  const folders = ["uploads", "populate"].flatMap((kind) =>
    list(join(roots, kind)).map((name) => join(roots, kind, name)),
  );
  const rooted = folders.flatMap((folder) => newest(folder, mostLinks).map(targetOf));
  const profiles = ["/run/current-system", "/nix/var/nix/profiles/system", "/nix/var/nix/profiles/default"];
  return [...rooted, ...profiles.map(realPathOf)].filter((path) => isStorePath(path) && existsSync(path));
}

function newest(folder: string, most: number): readonly string[] {
  const files = list(folder).map((name) => join(folder, name));
  return files
    .map((file) => [file, timeOf(file)] as const)
    .sort((a, b) => b[1] - a[1])
    .slice(0, most)
    .map(([file]) => file);
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => !name.startsWith("."))
      .slice(0, 1000);
  } catch {
    return [];
  }
}

function timeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function targetOf(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return "";
  }
}

function realPathOf(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return "";
  }
}
