/** The short account at the end: what happened, how long it took, where to look, what to type next. */
import type { OperationResult } from "../engine/operation.ts";
import type { World } from "../world/world.ts";
import { varsOf } from "./clients.ts";
import type { JobReport } from "./main-job.ts";
import type { DoneStep } from "./steps.ts";

/** Commands of `npm run lab --`, with what each does. */
export const COMMANDS: readonly (readonly [command: string, what: string])[] = [
  ["preview", "what `up` would change; edit Pulumi.lab.yaml first to see something"],
  ["up", "do it"],
  ["job", "the main job once more, with a new package"],
  ["status", "which machines and stand-ins run, and where everything is kept"],
  ["policy", "the tailnet's policy as it is now"],
  ["shell macbook", "a shell on a machine (server, desktop, macbook)"],
  ["destroy", "take out of the tailnet, GitHub and the machines what the stack put there"],
  ["down", "end every process of the lab; `npm start` brings it back"],
  ["erase", "the same, and forget everything"],
];

export function account(world: World, up: OperationResult, job: JobReport, steps: readonly DoneStep[]): string {
  return `\n${[...what(job, varsOf(up).cache.url), "", ...times(steps), "", ...where(world), "", ...next()].join("\n")}\n`;
}

function what({ package: made, built, substitutableSeconds, fetched, substituted }: JobReport, url: string): string[] {
  const seconds = (value: number): string => `${value.toFixed(2)} s`.padStart(8);
  return [
    substituted
      ? "A package built on macbook was substituted on desktop, signature checked by Nix."
      : "The desktop did NOT substitute the package. Nix said there:",
    ...(substituted
      ? []
      : fetched.log
          .trim()
          .split("\n")
          .map((line) => `    ${line}`)),
    `  ${seconds(built.seconds)}  macbook built ${built.path}; the hook queued it`,
    `  ${seconds(substitutableSeconds)}  from the build's end until desktop saw it at ${url}`,
    `  ${seconds(fetched.seconds)}  desktop got "${made.contents}" by nix-build, and built nothing`,
  ];
}

function times(steps: readonly DoneStep[]): string[] {
  return ["Time:", ...steps.map(({ name, seconds }) => `  ${seconds.toFixed(1).padStart(6)} s  ${name}`)];
}

function where({ instance, standIns }: World): string[] {
  return [
    "Where to look:",
    `  ${instance.dir}        everything that the lab keeps`,
    `  ${standIns.tailscale}   the stand-in of Tailscale`,
    `  ${standIns.github}   the stand-in of GitHub`,
  ];
}

/** The commands, aligned. */
export function next(): string[] {
  const width = Math.max(...COMMANDS.map(([command]) => command.length));
  return ["What next:", ...COMMANDS.map(([command, what]) => `  npm run lab -- ${command.padEnd(width)}  ${what}`)];
}
