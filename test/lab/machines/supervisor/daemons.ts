/** Turns launchd's property lists into jobs and triggers. Source: launchd.plist(5). */
import { type Job, type PathTrigger, type Trigger, plainJob } from "./job.ts";
import type { PlistValue } from "./plist.ts";

/** A daemon: its job, what starts it, and whether loading does. */
export interface Daemon {
  readonly job: Job;
  readonly trigger: Trigger | undefined;
  readonly runAtLoad: boolean;
  readonly disabled: boolean;
}

type Plist = Readonly<Record<string, PlistValue>>;

function text(value: PlistValue | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function texts(value: PlistValue | undefined): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}

function dictionary(value: PlistValue | undefined): Plist {
  return typeof value === "object" && !Array.isArray(value) ? (value as Plist) : {};
}

function argumentsOf(plist: Plist): string[] {
  const args = texts(plist.ProgramArguments);
  const program = text(plist.Program);
  return program === undefined ? args : [program, ...args.slice(1)];
}

/** KeepAlive as a condition: only SuccessfulExit and Crashed of its keys are honoured. */
function restartOf(keepAlive: PlistValue | undefined): Job["restart"] {
  if (keepAlive === true) return "always";
  const { SuccessfulExit: success, Crashed: crashed } = dictionary(keepAlive);
  if (success === true) return "on-success";
  return success === false || crashed === true ? "on-failure" : "no";
}

function environmentOf(plist: Plist): Record<string, string> {
  const entries = Object.entries(dictionary(plist.EnvironmentVariables));
  return Object.fromEntries(entries.flatMap(([key, value]) => (typeof value === "string" ? [[key, value]] : [])));
}

function triggerOf(label: string, plist: Plist): Trigger | undefined {
  const queues = texts(plist.QueueDirectories).map((path): PathTrigger => ({ kind: "not-empty", path }));
  const watched = texts(plist.WatchPaths).map((path): PathTrigger => ({ kind: "changed", path }));
  const interval = typeof plist.StartInterval === "number" ? [plist.StartInterval] : [];
  const timers = interval.flatMap((seconds) => [
    { after: "boot" as const, seconds },
    { after: "start" as const, seconds },
  ]);
  const paths = [...queues, ...watched];
  if (paths.length + timers.length === 0) return undefined;
  return { name: label, description: label, job: label, paths, timers, makeDirectories: false };
}

/** @throws Error when there is no label or nothing to run */
export function daemonFromPlist(plist: Plist): Daemon {
  const label = text(plist.Label);
  const argv = argumentsOf(plist);
  if (label === undefined) throw new Error("found no Label");
  if (argv.length === 0) throw new Error(`${label}: found neither Program nor ProgramArguments`);
  const restart = restartOf(plist.KeepAlive);
  const [user, group] = [text(plist.UserName), text(plist.GroupName)];
  const directory = text(plist.WorkingDirectory);
  const job: Job = {
    ...plainJob(label, [{ argv, ignoreFailure: false }]),
    ...(user !== undefined && user !== "root" && { user }),
    ...(group !== undefined && { group }),
    ...(directory !== undefined && { directory }),
    environment: environmentOf(plist),
    restart,
    restartSeconds: 0,
    // launchd never gives up, it only waits.
    throttleSeconds: typeof plist.ThrottleInterval === "number" ? plist.ThrottleInterval : 10,
    startLimit: [0, 0],
    stopSeconds: typeof plist.ExitTimeOut === "number" ? plist.ExitTimeOut : 20,
    killAll: plist.AbandonProcessGroup !== true,
    output: [text(plist.StandardOutPath), text(plist.StandardErrorPath)],
  };
  const runAtLoad = plist.RunAtLoad === true || restart === "always";
  return { job, trigger: triggerOf(label, plist), runAtLoad, disabled: plist.Disabled === true };
}
