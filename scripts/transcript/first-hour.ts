/** The first hour, on the lab's machines: what docs/first-hour.md says, typed one after the other. */
import { spawn } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { adoptVars, varsOf } from "../../test/lab/job/clients.ts";
import { narinfoUrl, untilSubstitutable, untilUploaded } from "../../test/lab/job/main-job.ts";
import { newPackage } from "../../test/lab/job/package.ts";
import type { OperationName, OperationOptions, OperationResult } from "../../test/lab/engine/operation.ts";
import type { MachineName } from "../../test/lab/instance.ts";
import { placeVars } from "../../test/lab/world/furnish.ts";
import { operatorEnvironment, pulumi, type World } from "../../test/lab/world/world.ts";
import { stackValues } from "../setup/stack-file.ts";
import type { Aliases, Recorder } from "./recorder.ts";

const root = new URL("../../", import.meta.url).pathname;
const stack = "home";

/** This machine's folders, by what a reader of the transcript would have. */
export function aliases({ instance }: World): Aliases {
  return new Map([
    [instance.dir, "~/lab"],
    [root.replace(/\/$/, ""), "~/nix-binary-cache"],
    [homedir(), "~"],
  ]);
}

/** @throws Error when one of the operator's secrets was shown */
export function refuseSecrets({ secrets }: World, recorder: Recorder): void {
  const text = recorder.text();
  const shown = Object.entries(secrets).filter(([, secret]) => text.includes(secret.trim()));
  if (shown.length > 0) throw new Error(`secrets are shown: ${shown.map(([name]) => name).join(", ")}`);
}

/** Plays all of it. @throws Error at the first step that does not end as it should */
export async function firstHour(world: World, recorder: Recorder): Promise<void> {
  const desk = join(world.instance.dir, "desk");
  rmSync(desk, { recursive: true, force: true });
  mkdirSync(desk);
  copyFileSync(join(root, "Pulumi.dev.yaml"), join(desk, "Pulumi.dev.yaml"));
  await setUp(world, recorder, desk);
  fitToTheLab(recorder, desk);
  const settings = stackValues(readFileSync(join(desk, `Pulumi.${stack}.yaml`), "utf8"));
  const up = await bringUp(world, recorder, settings);
  await firstMachines(world, recorder, up);
  recorder.comment("a second run changes nothing; then all of it goes away again");
  await operate(world, recorder, settings, "preview", { expectNoChanges: true });
  await operate(world, recorder, settings, "destroy");
}

async function setUp(world: World, recorder: Recorder, desk: string): Promise<void> {
  recorder.comment("the stack's file, without a terminal: what setup can't find out is given");
  const answers = [
    ...["--server", "server", "--flake", "path:/etc/nixos", "--configuration", "server"],
    ...["--machine", "macbook=ssh,aarch64-darwin", "--machine", "desktop=client", "--test-user", "bob@example.com"],
    ...["--ci", "alice/nixos-config", "--ci-outputs", "darwinConfigurations.macbook.system"],
    ...["--trust-host-keys", "--no-preview"],
  ];
  recorder.command("you", `npm run setup -- ${answers.join(" ")}`);
  const args = [join(root, "scripts/setup.ts"), ...answers];
  const env = { PATH: process.env.PATH, ...operatorEnvironment(world) };
  const child = spawn(process.execPath, args, { cwd: desk, env, stdio: ["ignore", "pipe", "pipe"], timeout: 120_000 });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      recorder.output(text);
    });
  }
  const status = await new Promise<number | null>((resolve) => child.once("close", resolve));
  if (status !== 0) throw new Error(`npm run setup: ended with ${String(status)}`);
  recorder.command("you", `cat Pulumi.${stack}.yaml`);
  recorder.output(readFileSync(join(desk, `Pulumi.${stack}.yaml`), "utf8"));
}

/** What a real tailnet does not need: these machines have no internet, and nobody tags them by hand. */
function fitToTheLab(recorder: Recorder, desk: string): void {
  const file = join(desk, `Pulumi.${stack}.yaml`);
  const document = parseDocument(readFileSync(file, "utf8"));
  document.setIn(["config", "nix-binary-cache:cache"], document.createNode({ upstreams: [] }));
  document.setIn(["config", "nix-binary-cache:tailnet", "tagServer"], true);
  document.setIn(["config", "nix-binary-cache:ci", "workflow"], "managed");
  writeFileSync(file, document.toString());
  recorder.comment(
    "three settings for the lab: its machines have no internet; Pulumi tags the server, commits the workflow",
  );
  recorder.command("you", `tail -n 3 Pulumi.${stack}.yaml`);
  recorder.output("cache.upstreams: []   tailnet.tagServer: true   ci.workflow: managed\n");
}

async function bringUp(world: World, recorder: Recorder, settings: Record<string, unknown>): Promise<OperationResult> {
  recorder.comment("what would change, before anything does");
  await operate(world, recorder, settings, "preview");
  const first = await operate(world, recorder, settings, "up");
  recorder.comment("the facts, for the machines; the desktop's configuration imports them and is switched");
  recorder.command("you", `npm run nix-vars -- ${stack}`);
  await adoptVars(world, first);
  recorder.output(`wrote nix/vars/${stack}.json; commit it\n`);
  recorder.comment("the server's configuration imports them, too: Pulumi sees another system, and deploys it");
  await placeVars(world.machines.server, varsOf(first));
  return await operate(world, recorder, settings, "up");
}

async function operate(
  world: World,
  recorder: Recorder,
  settings: Record<string, unknown>,
  operation: OperationName,
  options: OperationOptions = {},
): Promise<OperationResult> {
  const flags = options.expectNoChanges === true ? " --expect-no-changes" : "";
  recorder.command("you", `pulumi ${operation} --stack ${stack}${flags}`);
  const show = withoutOutputs((line) => {
    recorder.output(`${line}\n`);
  });
  const result = await pulumi(world, operation, { stack, settings, options, onLine: show });
  if (!result.ok) throw new Error(`pulumi ${operation}: ${result.message}`);
  return result;
}

/** The stack's outputs hold the whole workflow: several pages, which say nothing here. */
function withoutOutputs(show: (line: string) => void): (line: string) => void {
  let within = false;
  return (line) => {
    if (line.startsWith("Outputs:")) {
      within = true;
      show("Outputs:\n    (left out of this transcript)\n");
    } else if (line.startsWith("Resources:")) within = false;
    if (!within) show(line);
  };
}

async function firstMachines(world: World, recorder: Recorder, up: OperationResult): Promise<void> {
  const on = (who: Who, command: string): Promise<string> => type(world, recorder, who, command);
  recorder.comment("a build on the Mac; its hook queues it, its uploader sends it");
  const { expression } = newPackage("first-hour");
  for (const machine of [world.machines.macbook, world.machines.desktop]) {
    await machine.writeFile("/tmp/first-hour.nix", expression, 0o644);
  }
  const build = "nix-build --no-out-link /tmp/first-hour.nix";
  const path = (await on({ user: "alice", machine: "macbook" }, build)).trim().split("\n").at(-1) ?? "";
  const seconds = await untilSubstitutable(world.machines.desktop, narinfoUrl(varsOf(up).cache.url, path));
  recorder.comment(`${seconds.toFixed(2)} s after the build's end the desktop sees it in the cache`);
  await untilUploaded(world.machines.macbook);
  await on({ user: "root", machine: "macbook" }, "cachectl queue");
  recorder.comment(
    "is everything well? (Not all checks on the lab's Mac: it is a Linux machine with a double of launchd)",
  );
  await on({ user: "root", machine: "macbook" }, `cachectl doctor path ssh queue last-upload --path ${path}`);
  await on({ user: "root", machine: "server" }, "cachectl doctor");
  recorder.comment("the same build on the desktop is a download");
  await on({ user: "alice", machine: "desktop" }, build);
}

interface Who {
  readonly user: string;
  readonly machine: MachineName;
}

/** Runs a command line on a machine, as on its console. @returns its standard output @throws Error when it fails */
async function type(world: World, recorder: Recorder, { user, machine }: Who, command: string): Promise<string> {
  recorder.command(`${user}@${machine}`, command);
  const onOutput = (text: string): void => {
    recorder.output(text);
  };
  const done = await world.machines[machine].run(["sh", "-c", command], { user, timeoutSeconds: 180, onOutput });
  if (done.code !== 0) throw new Error(`${machine}: ${command}: ended with ${done.code}`);
  return done.stdout;
}
