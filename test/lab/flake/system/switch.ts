/**
 * `node switch.ts SYSTEM switch|test|boot`: makes the machine what the system says, as NixOS' switch-to-configuration
 * does: accounts, /etc, folders, units. Ends with 4 when the switch is done but units failed, as that one does.
 */
import { spawnSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { dirname, join } from "node:path";

interface Account {
  readonly group?: string;
  readonly home?: string;
  readonly shell?: string;
  readonly extraGroups?: readonly string[];
}

interface Accounts {
  readonly users: Readonly<Record<string, Account>>;
  readonly groups: Readonly<Record<string, object>>;
}

const CURRENT = "/run/current-system";
const UNITS = "etc/systemd/system";

function run(program: string, ...args: string[]): boolean {
  return spawnSync(program, args, { stdio: ["ignore", "inherit", "inherit"], timeout: 120_000 }).status === 0;
}

function known(database: "passwd" | "group", name: string): boolean {
  return readFileSync(`/etc/${database}`, "utf8")
    .split("\n")
    .some((line) => line.startsWith(`${name}:`));
}

function makeAccounts({ users, groups }: Accounts): void {
  for (const name of Object.keys(groups)) if (!known("group", name)) run("groupadd", "--system", name);
  for (const [name, { group = "nogroup", home = "/var/empty", shell = "/usr/sbin/nologin" }] of Object.entries(users)) {
    const options = ["--gid", group, "--home-dir", home, "--shell", shell];
    if (known("passwd", name)) run("usermod", "--shell", shell, name);
    else run("useradd", "--system", "--no-create-home", ...options, name);
  }
}

/** Files below a folder, relative to it. */
function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(
    (name) => !lstatSync(join(folder, name)).isDirectory(),
  );
}

/** Links /etc's files into the system, and takes away those of the system before. */
function linkEtc(system: string, before: string | undefined): void {
  const files = filesBelow(join(system, "etc"));
  for (const name of files) {
    const [source, target] = [join(system, "etc", name), join("/etc", name)];
    mkdirSync(dirname(target), { recursive: true });
    rmSync(`${target}.new`, { force: true });
    symlinkSync(source, `${target}.new`);
    renameSync(`${target}.new`, target);
  }
  if (before === undefined) return;
  for (const name of filesBelow(join(before, "etc"))) {
    if (!files.includes(name)) rmSync(join("/etc", name), { force: true });
  }
}

function unitsOf(system: string | undefined): Map<string, string> {
  const folder = system === undefined ? "" : join(system, UNITS);
  if (!existsSync(folder)) return new Map();
  const names = readdirSync(folder).filter((name) => /\.(service|timer|path)$/.test(name));
  const overrides = (name: string): string => join(folder, `${name}.d`, "overrides.conf");
  const text = (name: string): string =>
    readFileSync(join(folder, name), "utf8") +
    (existsSync(overrides(name)) ? readFileSync(overrides(name), "utf8") : "");
  return new Map(names.map((name) => [name, text(name)]));
}

function wanted(system: string): string[] {
  const folder = join(system, UNITS);
  if (!existsSync(folder)) return [];
  const targets = readdirSync(folder).filter((name) => name.endsWith(".wants"));
  return [...new Set(targets.flatMap((name) => readdirSync(join(folder, name))))];
}

/** Brings the running units in line. Gives whether all are well. */
function switchUnits(system: string, before: string | undefined): boolean {
  const [old, now] = [unitsOf(before), unitsOf(system)];
  const gone = [...old.keys()].filter((name) => !now.has(name));
  const changed = [...old].flatMap(([name, text]) => {
    const next = now.get(name);
    return next === undefined || next === text || next.includes("X-RestartIfChanged=false") ? [] : [name];
  });
  if (gone.length + changed.length > 0) run("systemctl", "stop", ...gone, ...changed);
  run("systemctl", "reset-failed");
  run("systemctl", "daemon-reload");
  const start = wanted(system);
  return start.length === 0 || run("systemctl", "start", ...start);
}

function textOf(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

/** The daemons that Debian starts read their settings anew when those have changed. */
function restartDaemons(watched: Readonly<Record<string, string>>): boolean {
  const nix = watched.nix === textOf("/etc/nix/nix.conf") || run("systemctl", "restart", "nix-daemon");
  const ssh =
    watched.ssh === textOf("/etc/ssh/sshd_config.d/90-configuration.conf") || run("systemctl", "reload", "ssh");
  return nix && ssh;
}

function main(system: string, action: string): number {
  if (action === "boot") return 0;
  const before = existsSync(CURRENT) ? realpathSync(CURRENT) : undefined;
  const watched = { nix: textOf("/etc/nix/nix.conf"), ssh: textOf("/etc/ssh/sshd_config.d/90-configuration.conf") };
  makeAccounts(JSON.parse(readFileSync(join(system, "accounts.json"), "utf8")) as Accounts);
  linkEtc(system, before);
  rmSync(`${CURRENT}.new`, { force: true });
  symlinkSync(system, `${CURRENT}.new`);
  renameSync(`${CURRENT}.new`, CURRENT);
  if (!run("systemd-tmpfiles", "--create", join(system, "tmpfiles.conf"))) return 1;
  if (!restartDaemons(watched)) return 4;
  return switchUnits(system, before) ? 0 : 4;
}

const [system = "", action = ""] = process.argv.slice(2);
if (!["switch", "test", "boot"].includes(action)) {
  console.error(`switch-to-configuration: found ${JSON.stringify(action)}, expected switch, test or boot`);
  process.exit(1);
}
process.exit(main(system, action));
