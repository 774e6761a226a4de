/** What the supervisor runs: systemd's units and launchd's jobs come down to these. */
import type { Command } from "./words.ts";

/** When a job's trigger fires. Level conditions (exists, glob, not-empty) fire again as long as they hold. */
export interface PathTrigger {
  readonly kind: "changed" | "exists" | "glob" | "not-empty";
  readonly path: string;
}

/** Seconds after the boot, after the unit's last start, or after its last end. */
export interface TimerTrigger {
  readonly after: "boot" | "start" | "end";
  readonly seconds: number;
}

/** Something that runs: a service, or a launchd job. */
export interface Job {
  /** "nix-daemon.service", or a launchd label. */
  readonly name: string;
  readonly description: string;
  /** `exec` waits a moment to see it live, `forking` until the command has put itself in the background. */
  readonly kind: "simple" | "exec" | "oneshot" | "forking";
  readonly before: readonly Command[];
  readonly main: readonly Command[];
  readonly after: readonly Command[];
  readonly stop: readonly Command[];
  readonly stopped: readonly Command[];
  readonly reload: readonly Command[];
  readonly user?: string;
  readonly group?: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly environmentFiles: readonly string[];
  readonly credentials: readonly (readonly [name: string, path: string])[];
  readonly directory?: string;
  /** Folders to make before it starts, with the mode; /run, /var/lib, … already in front. */
  readonly folders: readonly (readonly [path: string, mode: number])[];
  readonly umask?: string;
  readonly conditions: readonly string[];
  readonly wants: readonly string[];
  readonly restart: "no" | "on-success" | "on-failure" | "always";
  readonly restartSeconds: number;
  /** At least this many seconds between two starts (launchd's ThrottleInterval). */
  readonly throttleSeconds: number;
  /** So many starts within so many seconds, and the next one fails; 0 is no limit. */
  readonly startLimit: readonly [burst: number, seconds: number];
  readonly remainAfterExit: boolean;
  readonly successCodes: readonly number[];
  /** Whether a stop reaches everything that the job started, or its main process only. */
  readonly killAll: boolean;
  readonly killSignal: NodeJS.Signals;
  readonly stopSeconds: number;
  readonly pidFile?: string;
  /** Files that get the output, as well as the log. */
  readonly output: readonly [out: string | undefined, err: string | undefined];
}

/** Something that starts a job: a .path or .timer unit; of a launchd job, a part of it. */
export interface Trigger {
  readonly name: string;
  readonly description: string;
  readonly job: string;
  readonly paths: readonly PathTrigger[];
  readonly timers: readonly TimerTrigger[];
  readonly makeDirectories: boolean;
}

/** A job with everything at its default. */
export function plainJob(name: string, main: readonly Command[]): Job {
  return {
    name,
    description: name,
    kind: "simple",
    before: [],
    main,
    after: [],
    stop: [],
    stopped: [],
    reload: [],
    environment: {},
    environmentFiles: [],
    credentials: [],
    folders: [],
    conditions: [],
    wants: [],
    restart: "no",
    restartSeconds: 0.1,
    throttleSeconds: 0,
    startLimit: [5, 10],
    remainAfterExit: false,
    successCodes: [0],
    killAll: true,
    killSignal: "SIGTERM",
    stopSeconds: 90,
    output: [undefined, undefined],
  };
}
