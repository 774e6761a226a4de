import { join } from "node:path";
import { isStorePath } from "../receive/path-list.ts";
import { ownAreas } from "./own-roots.ts";
import type { Root } from "./plan.ts";

const meanings: readonly [form: RegExp, meaning: string][] = [
  [/^\/run\/current-system$/, "what this server runs"],
  [/^\/run\/booted-system$/, "what this server was booted with"],
  [/^\/nix\/var\/nix\/profiles\/system-/, "a generation of this server"],
  [/^\/nix\/var\/nix\/profiles\/|\/\.?nix\/profiles?\/|\/\.local\/state\/nix\/profiles\//, "a profile's generation"],
  [/^\/proc\/|^\{(?:lsof|temp|memory|censored)/, "in use by a program"],
  [/\/gcroots\/nix-binary-cache\/queue\//, "waiting to be uploaded"],
  [/\/gcroots\//, "rooted by somebody else"],
];

/**
 * The roots that are not ours, in what `nix-store --gc --print-roots` printed: lines `LINK -> PATH`, profiles, running
 * systems and what programs have open among them. Nothing of them is ever evicted.
 */
export function parseForeignRoots(printed: string, rootsDirectory: string): Root[] {
  const own = ownAreas.map((area) => join(rootsDirectory, area, "/"));
  return printed.split("\n").flatMap((line): Root[] => {
    const [, name = "", path = ""] = /^(.*) -> (\/nix\/store\/\S+)$/.exec(line) ?? [];
    if (!isStorePath(path) || own.some((area) => name.startsWith(area))) return [];
    const group = meanings.find(([form]) => form.test(name))?.[1] ?? "a link that somebody made";
    return [{ name, kind: "foreign", path, group, time: 0 }];
  });
}
