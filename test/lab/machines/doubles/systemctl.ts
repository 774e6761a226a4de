/** Double of systemctl(1): the verbs and options that the project's programs use. */
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { JobStatus } from "../supervisor/runner.ts";
import { findUnit, readUnit, UNIT_FOLDERS } from "../supervisor/unit-file.ts";
import { ask, program } from "./ask.ts";

const [ETC] = UNIT_FOLDERS;

function unitName(name: string): string {
  return /\.(service|path|timer|target|socket)$/.test(name) ? name : `${name}.service`;
}

async function statuses(): Promise<ReadonlyMap<string, JobStatus>> {
  const { statuses: found = [] } = await ask({ verb: "list" });
  return new Map(found.map((status) => [status.name, status]));
}

/** Links a unit into the targets that its [Install] section names. */
function enable(name: string): void {
  const path = findUnit(name);
  if (path === undefined) throw new Error(`Unit file ${name} does not exist.`);
  for (const target of readUnit(name)?.words("Install.WantedBy") ?? []) {
    const folder = join(ETC, `${target}.wants`);
    mkdirSync(folder, { recursive: true });
    if (!existsSync(join(folder, name))) symlinkSync(path, join(folder, name));
  }
}

function disable(name: string): void {
  for (const folder of wantsFolders()) rmSync(join(folder, name), { force: true });
}

function wantsFolders(): string[] {
  if (!existsSync(ETC)) return [];
  return readdirSync(ETC)
    .filter((each) => each.endsWith(".wants"))
    .map((each) => join(ETC, each));
}

function isEnabled(name: string): boolean {
  return UNIT_FOLDERS.some((root) => existsSync(join(root, "multi-user.target.wants", name))) || inWants(name);
}

function inWants(name: string): boolean {
  return wantsFolders().some((folder) => existsSync(join(folder, name)));
}

const SUB_STATES = { active: "running", inactive: "dead", failed: "failed", activating: "start", deactivating: "stop" };

function timestamp(milliseconds: number): string {
  if (milliseconds === 0) return "";
  const [day = "", time = ""] = new Date(milliseconds).toISOString().split("T");
  const week = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][new Date(milliseconds).getUTCDay()] ?? "";
  return `${week} ${day} ${time.slice(0, 8)} UTC`;
}

/** Properties of systemctl show. */
function properties(name: string, status: JobStatus | undefined): Record<string, string> {
  const state = status?.state ?? "inactive";
  return {
    Id: name,
    Description: status?.description ?? readUnit(name)?.last("Unit.Description") ?? name,
    LoadState: findUnit(name) === undefined && status === undefined ? "not-found" : "loaded",
    ActiveState: state,
    SubState: SUB_STATES[state],
    UnitFileState: isEnabled(name) ? "enabled" : "disabled",
    Result: status?.result ?? "success",
    MainPID: String(status?.mainPid ?? 0),
    ExecMainStatus: String(status?.exitStatus ?? 0),
    ExecMainStartTimestamp: timestamp(status?.started ?? 0),
    ActiveEnterTimestamp: timestamp(state === "active" ? (status?.since ?? 0) : 0),
    NRestarts: String(status?.restarts ?? 0),
    FragmentPath: findUnit(name) ?? "",
  };
}

async function show(names: readonly string[], options: readonly string[]): Promise<number> {
  const wanted = options.flatMap((option) => /^(?:-p|--property=)(.+)$/.exec(option)?.[1]?.split(",") ?? []);
  const bare = options.includes("--value");
  const found = await statuses();
  for (const name of names) {
    for (const [key, value] of Object.entries(properties(name, found.get(name)))) {
      if (wanted.length === 0 || wanted.includes(key)) console.log(bare ? value : `${key}=${value}`);
    }
  }
  return 0;
}

async function isState(names: readonly string[], quiet: boolean, good: (state: string) => boolean): Promise<number> {
  const found = await statuses();
  const states = names.map((name) => found.get(name)?.state ?? "inactive");
  if (!quiet) for (const state of states) console.log(state);
  return states.some(good) ? 0 : 3;
}

async function listUnits(options: readonly string[]): Promise<number> {
  const failedOnly = options.includes("--failed") || options.includes("--state=failed");
  for (const { name, state, description } of (await statuses()).values()) {
    if (failedOnly ? state !== "failed" : state === "inactive") continue;
    console.log([name, "loaded", state === "failed" ? "failed" : "active", SUB_STATES[state], description].join(" "));
  }
  return 0;
}

async function act(verb: "start" | "stop" | "restart" | "reload", names: readonly string[]): Promise<number> {
  const { failed = [] } = await ask({ verb, names });
  for (const name of failed) {
    process.stderr.write(`Job for ${name} failed.\nSee "journalctl -xeu ${name}" for details.\n`);
  }
  return failed.length === 0 ? 0 : 1;
}

/** `reload-or-restart`, `try-restart`: what the unit's state lets be done. */
async function actByState(verb: string, names: readonly string[]): Promise<number> {
  const found = await statuses();
  for (const name of names) {
    const runs = found.get(name)?.state === "active";
    const reloads = verb.includes("reload") && (readUnit(name)?.all("Service.ExecReload").length ?? 0) > 0;
    if (!runs && verb.startsWith("try-")) continue;
    const code = await act(runs && reloads ? "reload" : "restart", [name]);
    if (code !== 0) return code;
  }
  return 0;
}

async function main(): Promise<number> {
  const args = process.argv.slice(2).flatMap((arg, index, all) => {
    // "-p NAME" and "--signal NAME" as one word.
    if (all[index - 1] === "-p" || all[index - 1] === "-s") return [];
    return [arg === "-p" || arg === "-s" ? `${arg}${all[index + 1] ?? ""}` : arg];
  });
  const options = args.filter((arg) => arg.startsWith("-"));
  const [verb = "list-units", ...rest] = args.filter((arg) => !arg.startsWith("-"));
  const names = rest.map(unitName);
  const quiet = options.includes("--quiet") || options.includes("-q");
  switch (verb) {
    case "daemon-reload":
    case "daemon-reexec":
      return 0;
    case "start":
    case "stop":
    case "restart":
    case "reload":
      return act(verb, names);
    case "try-restart":
    case "reload-or-restart":
    case "try-reload-or-restart":
      return actByState(verb, names);
    case "enable":
      names.forEach(enable);
      return options.includes("--now") ? act("start", names) : 0;
    case "disable":
      names.forEach(disable);
      return options.includes("--now") ? act("stop", names) : 0;
    case "is-active":
      return isState(names, quiet, (state) => state === "active");
    case "is-failed":
      return isState(names, quiet, (state) => state === "failed");
    case "is-enabled":
      if (!quiet) for (const name of names) console.log(isEnabled(name) ? "enabled" : "disabled");
      return names.some(isEnabled) ? 0 : 1;
    case "reset-failed":
      await ask({ verb: "reset-failed", names });
      return 0;
    case "kill": {
      const signal = options.map((option) => /^(?:-s|--signal=)(.+)$/.exec(option)?.[1]).find(Boolean) ?? "SIGTERM";
      await ask({ verb: "kill", names, signal: signal as NodeJS.Signals });
      return 0;
    }
    case "show":
      return show(names, options);
    case "status": {
      const found = await statuses();
      for (const name of names) console.log(`${name}: ${found.get(name)?.state ?? "inactive"}`);
      return names.every((name) => found.get(name)?.state === "active") ? 0 : 3;
    }
    case "list-units":
      return listUnits(options);
    default:
      throw new Error(`the lab's double does not know the verb ${verb}`);
  }
}

await program("systemctl", main);
