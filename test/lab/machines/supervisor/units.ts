/** Turns systemd's units into jobs and triggers. What a unit asks for that the lab cannot give (sandboxing, limits) is left out. */
import { hostname } from "node:os";
import { type Job, type PathTrigger, type TimerTrigger, type Trigger, plainJob } from "./job.ts";
import { UnitFile, parseSpan } from "./unit-file.ts";
import { type Command, expandSpecifiers, parseCommand, splitWords } from "./words.ts";

/** Source: systemd.service(5), systemd.exec(5), systemd.kill(5); the defaults are systemd's own. */
export function jobFromUnit(name: string, unit: UnitFile): Job {
  const text = (key: string): string | undefined =>
    optional(unit.last(`Service.${key}`), (value) => expand(value, name));
  const commands = (key: string): Command[] =>
    unit.all(`Service.${key}`).map((line) => parseCommand(expand(line, name)));
  const job = plainJob(name, commands("ExecStart"));
  return {
    ...job,
    description: unit.last("Unit.Description") ?? name,
    kind: kindOf(text("Type")),
    before: commands("ExecStartPre"),
    after: commands("ExecStartPost"),
    stop: commands("ExecStop"),
    stopped: commands("ExecStopPost"),
    reload: commands("ExecReload"),
    ...identity(name, text),
    environment: environmentOf(unit.all("Service.Environment").map((line) => expand(line, name))),
    environmentFiles: unit.all("Service.EnvironmentFile").map((line) => expand(line, name)),
    credentials: unit.all("Service.LoadCredential").map((line) => splitCredential(expand(line, name))),
    folders: foldersOf(name, unit),
    conditions: [...unit.all("Unit.ConditionPathExists"), ...unit.all("Unit.AssertPathExists")],
    wants: [...unit.words("Unit.Wants"), ...unit.words("Unit.Requires")],
    restart: restartOf(text("Restart")),
    restartSeconds: parseSpan(text("RestartSec") ?? "100ms"),
    startLimit: [Number(unit.last("Unit.StartLimitBurst") ?? 5), parseSpan(limitSpan(unit))],
    remainAfterExit: unit.flag("Service.RemainAfterExit"),
    successCodes: [0, ...unit.words("Service.SuccessExitStatus").map(Number).filter(Number.isInteger)],
    killAll: !["process", "none"].includes(text("KillMode") ?? ""),
    killSignal: (text("KillSignal") ?? "SIGTERM") as NodeJS.Signals,
    stopSeconds: parseSpan(text("TimeoutStopSec") ?? text("TimeoutSec") ?? "90"),
    ...(text("PIDFile") !== undefined && { pidFile: text("PIDFile") }),
  };
}

function optional<T>(value: string | undefined, change: (value: string) => T): T | undefined {
  return value === undefined ? undefined : change(value);
}

function expand(text: string, name: string): string {
  return expandSpecifiers(text, name, hostname());
}

function kindOf(type = "simple"): Job["kind"] {
  if (type === "oneshot" || type === "forking") return type;
  return type === "simple" || type === "idle" ? "simple" : "exec";
}

function limitSpan(unit: UnitFile): string {
  return unit.last("Unit.StartLimitIntervalSec") ?? unit.last("Unit.StartLimitInterval") ?? "10s";
}

function restartOf(text = "no"): Job["restart"] {
  if (text === "no" || text === "always" || text === "on-success") return text;
  return "on-failure";
}

/** A dynamic user is the machine's own "nobody": what it may write are the folders made for it. */
function identity(name: string, text: (key: string) => string | undefined): Partial<Job> {
  const user = text("User") ?? (["yes", "true"].includes(text("DynamicUser") ?? "") ? "nobody" : undefined);
  const directory = text("WorkingDirectory")
    ?.replace(/^-/, "")
    .replace(/^~$/, `/home/${user ?? name}`);
  return {
    ...(user !== undefined && user !== "root" && { user }),
    ...(text("Group") !== undefined && { group: text("Group") }),
    ...(directory !== undefined && { directory }),
    ...(text("UMask") !== undefined && { umask: text("UMask") }),
  };
}

/** `Environment="A=1" "B=2 3"` lines, later ones over earlier ones. */
export function environmentOf(lines: readonly string[]): Record<string, string> {
  const pairs = lines.flatMap(splitWords).filter((word) => word.includes("="));
  return Object.fromEntries(pairs.map((word) => [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)]));
}

function splitCredential(line: string): [name: string, path: string] {
  const [name = "", ...path] = line.split(":");
  return [name, path.join(":") || `/etc/credstore/${name}`];
}

function foldersOf(name: string, unit: UnitFile): [path: string, mode: number][] {
  const kinds = { Runtime: "/run", State: "/var/lib", Cache: "/var/cache", Logs: "/var/log", Configuration: "/etc" };
  return Object.entries(kinds).flatMap(([kind, root]) => {
    const mode = Number.parseInt(unit.last(`Service.${kind}DirectoryMode`) ?? "755", 8);
    return unit
      .words(`Service.${kind}Directory`)
      .map((folder): [string, number] => [`${root}/${expand(folder, name)}`, mode]);
  });
}

/** Source: systemd.path(5) and systemd.timer(5). A calendar time is far away in a lab: nothing comes of it. */
export function triggerFromUnit(name: string, unit: UnitFile): Trigger {
  const section = name.endsWith(".path") ? "Path" : "Timer";
  return {
    name,
    description: unit.last("Unit.Description") ?? name,
    job: unit.last(`${section}.Unit`) ?? name.replace(/\.(path|timer)$/, ".service"),
    paths: pathTriggers(unit, name),
    timers: timerTriggers(unit),
    makeDirectories: unit.flag("Path.MakeDirectory"),
  };
}

function pathTriggers(unit: UnitFile, name: string): PathTrigger[] {
  const kinds = {
    PathChanged: "changed",
    PathModified: "changed",
    PathExists: "exists",
    PathExistsGlob: "glob",
    DirectoryNotEmpty: "not-empty",
  } as const;
  return Object.entries(kinds).flatMap(([key, kind]) =>
    unit.all(`Path.${key}`).map((path) => ({ kind, path: expand(path, name) })),
  );
}

function timerTriggers(unit: UnitFile): TimerTrigger[] {
  const kinds = {
    OnActiveSec: "boot",
    OnBootSec: "boot",
    OnStartupSec: "boot",
    OnUnitActiveSec: "start",
    OnUnitInactiveSec: "end",
  } as const;
  return Object.entries(kinds).flatMap(([key, after]) =>
    unit.all(`Timer.${key}`).map((span) => ({ after, seconds: parseSpan(span) })),
  );
}
