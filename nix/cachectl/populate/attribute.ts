/** Attribute paths in a flake's outputs: what is built, and under which name its roots lie. */
import { createHash } from "node:crypto";

/** One output to be built. */
export interface FlakeOutput {
  /** The path as people write it: `packages.x86_64-linux.hello`, `nixosConfigurations.desktop`. */
  readonly name: string;
  /** Its components as Nix finds the derivation: with `config.system.build.toplevel` behind a NixOS configuration. */
  readonly path: readonly string[];
  /** A machine's system counts apart from everything else that is kept. */
  readonly kind: "system" | "package";
  /** The machine's name, or the output's: a folder of roots. */
  readonly group: string;
}

/** What makes a derivation of a configuration. */
const within: ReadonlyMap<string, readonly string[]> = new Map([
  ["nixosConfigurations", ["config", "system", "build", "toplevel"]],
  ["homeConfigurations", ["activationPackage"]],
]);

/** Takes a path apart: names with dots stand in double quotes. Throws an Error that shows what it found. */
export function parseAttribute(text: string): string[] {
  const components = [...text.matchAll(/(?:^|\.)(?:"([^"]+)"|([^".\s]+))/g)];
  const complete = components.reduce((length, [match]) => length + match.length, 0) === text.length;
  if (!complete || text === "" || text.startsWith(".")) {
    throw new Error(`${JSON.stringify(text)} is no attribute path, such as packages.x86_64-linux.hello`);
  }
  return components.map(([, quoted, plain]) => quoted ?? plain ?? "");
}

/** Puts a path together again, as parseAttribute takes it. */
export function showAttribute(path: readonly string[]): string {
  return path.map((component) => (/^[^".\s]+$/.test(component) ? component : `"${component}"`)).join(".");
}

/** The path as the fragment of a flake reference, where Nix decodes percent signs before it splits at the dots. */
export function fragment(path: readonly string[]): string {
  return showAttribute(path).replaceAll(/[^A-Za-z0-9_.'"@+-]/gu, (character) =>
    [...Buffer.from(character, "utf8")].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join(""),
  );
}

/** The output that a path means. A configuration's derivation may be named or not. */
export function flakeOutput(path: readonly string[]): FlakeOutput {
  const [category = "", name = ""] = path;
  const inner = within.get(category);
  const isConfiguration =
    inner !== undefined && (path.length === 2 || showAttribute(path.slice(2)) === inner.join("."));
  const shown = isConfiguration ? [category, name] : path;
  return {
    name: showAttribute(shown),
    path: isConfiguration ? [category, name, ...inner] : path,
    kind: isConfiguration && category === "nixosConfigurations" ? "system" : "package",
    group: folderName(isConfiguration && category === "nixosConfigurations" ? [name] : shown),
  };
}

/** Whether only a Mac can build it, by its path alone. */
export function isDarwin(path: readonly string[]): boolean {
  return path[0] === "darwinConfigurations" || (path[1]?.endsWith("-darwin") ?? false);
}

/** A name that is a file name; one that had to be changed gets a hash, so that no two become the same. */
function folderName(path: readonly string[]): string {
  const name = path.join(".");
  const safe = name
    .replaceAll(/[^A-Za-z0-9._+@-]/g, "_")
    .replace(/^\./, "_")
    .slice(0, 180);
  if (safe === name) return name;
  return `${safe}-${createHash("sha256").update(JSON.stringify(path)).digest("hex").slice(0, 8)}`;
}
