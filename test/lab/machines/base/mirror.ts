/** Finds the Debian mirror that this host itself uses. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** One source of packages: where, and which suite and components of it. */
interface Source {
  readonly uri: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
}

/** sources.list(5), one line a source. */
function parseOneLine(text: string): Source[] {
  return text.split("\n").flatMap((line) => {
    const [, uri, suite, components] = /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(.+)$/.exec(line.trim()) ?? [];
    if (uri === undefined || suite === undefined) return [];
    return [{ uri, suites: [suite], components: (components ?? "").split(/\s+/) }];
  });
}

/** sources.list(5), deb822: a stanza a source. */
function parseStanzas(text: string): Source[] {
  const withoutComments = text.replaceAll(/^#.*\n?/gm, "");
  return withoutComments.split(/\n\s*\n/).flatMap((stanza) => {
    const field = (name: string): string[] => {
      const found = new RegExp(`^${name}:[ \\t]*(.*(?:\\n[ \\t]+.*)*)`, "im").exec(stanza);
      return found?.[1]?.split(/\s+/).filter((word) => word !== "") ?? [];
    };
    if (!field("Types").includes("deb") || field("Enabled").includes("no")) return [];
    return field("URIs").map((uri) => ({ uri, suites: field("Suites"), components: field("Components") }));
  });
}

/**
 * The mirror of Debian's main archive among apt's sources; undefined when there is none (Ubuntu, or only other archives).
 *
 * @param files contents of apt's source files by name; the ending tells the format
 * @param codename the host's own release, e.g. "bookworm"
 */
export function mirrorFrom(files: ReadonlyMap<string, string>, codename: string): string | undefined {
  const sources = [...files].flatMap(([name, text]) =>
    name.endsWith(".sources") ? parseStanzas(text) : parseOneLine(text),
  );
  return sources.find(
    ({ uri, suites, components }) =>
      /^https?:/.test(uri) && suites.includes(codename) && components.includes("main") && !uri.includes("ubuntu"),
  )?.uri;
}

function readSources(): Map<string, string> {
  const folder = "/etc/apt/sources.list.d";
  const files = new Map<string, string>();
  const add = (path: string): void => {
    try {
      files.set(path, readFileSync(path, "utf8"));
    } catch {
      // No such file: nothing to learn from it.
    }
  };
  add("/etc/apt/sources.list");
  try {
    for (const name of readdirSync(folder).sort()) if (/\.(list|sources)$/.test(name)) add(join(folder, name));
  } catch {
    // No such folder either.
  }
  return files;
}

/** The Debian mirror of this host, or undefined where debootstrap's own default has to do. */
export function hostMirror(): string | undefined {
  const release = readFileSync("/etc/os-release", "utf8");
  const value = (key: string): string => new RegExp(`^${key}="?([^"\n]*)`, "m").exec(release)?.[1] ?? "";
  return value("ID") === "debian" ? mirrorFrom(readSources(), value("VERSION_CODENAME")) : undefined;
}
