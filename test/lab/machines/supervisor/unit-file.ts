/** Unit files as text. Source: systemd.syntax(7). */
import { existsSync, readFileSync, readdirSync, realpathSync } from "node:fs";
import { join } from "node:path";

/** Where unit files are looked for, first found first. The distribution's own are left out: the lab starts what it means to. */
export const UNIT_FOLDERS = ["/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system"] as const;

/** The settings of a unit: values by "Section.Key", in their order. */
export class UnitFile {
  readonly #values = new Map<string, string[]>();

  /** Adds a file's settings; an empty value takes back what was set before. */
  add(text: string): void {
    let section = "";
    const joined = text.replaceAll(/^[#;].*\n?/gm, "").replaceAll(/\\\n/g, " ");
    for (const line of joined.split("\n").map((each) => each.trim())) {
      const header = /^\[(.+)\]$/.exec(line)?.[1];
      if (header !== undefined) section = header;
      const [, key, value = ""] = /^([^=]+?)\s*=\s*(.*)$/.exec(line) ?? [];
      if (header !== undefined || key === undefined) continue;
      const name = `${section}.${key}`;
      this.#values.set(name, value === "" ? [] : [...(this.#values.get(name) ?? []), value]);
    }
  }

  all(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  last(name: string): string | undefined {
    return this.all(name).at(-1);
  }

  /** White-space-separated words of all values. */
  words(name: string): readonly string[] {
    return this.all(name).flatMap((value) => value.split(/\s+/));
  }

  flag(name: string): boolean {
    return ["yes", "true", "on", "1"].includes((this.last(name) ?? "").toLowerCase());
  }
}

/** For "foo@bar.service", its template's name; otherwise the name itself. */
function templateOf(name: string): string {
  return name.replace(/@[^.]+\./, "@.");
}

/** The file that holds a unit; undefined when there is none, or it is masked. */
export function findUnit(name: string, folders: readonly string[] = UNIT_FOLDERS): string | undefined {
  const candidates = [name, templateOf(name)].flatMap((each) => folders.map((folder) => join(folder, each)));
  const found = candidates.find((path) => existsSync(path));
  return found === undefined || realpathSync(found) === "/dev/null" ? undefined : found;
}

/** A unit with its drop-ins (NAME.d/*.conf); undefined when there is none. */
export function readUnit(name: string, folders: readonly string[] = UNIT_FOLDERS): UnitFile | undefined {
  const path = findUnit(name, folders);
  if (path === undefined) return undefined;
  const unit = new UnitFile();
  unit.add(readFileSync(path, "utf8"));
  const dropIns = new Map<string, string>();
  for (const folder of [...folders].reverse()) {
    const at = join(folder, `${name}.d`);
    if (!existsSync(at)) continue;
    for (const file of readdirSync(at)) if (file.endsWith(".conf")) dropIns.set(file, join(at, file));
  }
  for (const [, file] of [...dropIns].sort(([a], [b]) => (a < b ? -1 : 1))) unit.add(readFileSync(file, "utf8"));
  return unit;
}

/** Seconds of a time span such as "5min 20s", "1h", "infinity" or "90". Source: systemd.time(7). */
export function parseSpan(text: string): number {
  if (text.trim() === "infinity") return Number.POSITIVE_INFINITY;
  const units: Readonly<Record<string, number>> = {
    us: 1e-6,
    ms: 1e-3,
    s: 1,
    sec: 1,
    m: 60,
    min: 60,
    h: 3600,
    hr: 3600,
  };
  const more: Readonly<Record<string, number>> = {
    d: 86400,
    day: 86400,
    w: 604800,
    week: 604800,
    hour: 3600,
    minute: 60,
  };
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]*)/g)];
  return parts.reduce((sum, [, number, unit = ""]) => {
    const name = unit.length > 2 ? unit.replace(/s$/, "").replace(/^second$/, "s") : unit;
    return sum + Number(number) * (name === "" ? 1 : (units[name] ?? more[name] ?? 1));
  }, 0);
}
