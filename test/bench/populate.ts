/** populate against the proposal's script, where there is nothing to build: what a server does on most days. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PopulateWorld, removeWorlds, system } from "../cachectl/populate-world.ts";
import { nixOrThrow } from "../support/nix.ts";
import { median, type Report } from "./figure.ts";

const outputs = 20;
const rounds = 3;

/** What keeps both from being the cheaper one by luck: each round measures one, then the other. */
interface Times {
  readonly ours: number[];
  readonly theirs: number[];
}

/** Measures a run over 20 outputs, none of which changed: with the flake as it was, and with a commit that changed none. */
export async function populate(report: Report): Promise<void> {
  const world = new PopulateWorld(await nixOrThrow(), ["experimental-features = nix-command flakes"]);
  try {
    prepare(world);
    await run(world);
    proposal(world);
    const same = await measure(world, () => undefined);
    tell(report, `${outputs} outputs, the flake as it was`, same, 1);
    const commit = await measure(world, (round) => void world.write(world.repository, "README.md", `Round ${round}`));
    tell(report, `${outputs} outputs, a commit that changes none of them`, commit, 1);
  } finally {
    removeWorlds();
  }
}

function prepare(world: PopulateWorld): void {
  const text = readFileSync(join(import.meta.dirname, "populate-flake.nix"), "utf8");
  world.useText(text);
  world.lock();
}

async function measure(world: PopulateWorld, change: (round: number) => void): Promise<Times> {
  const times: Times = { ours: [], theirs: [] };
  for (let round = 0; round < rounds; round++) {
    change(round);
    times.ours.push(await run(world));
    times.theirs.push(proposal(world));
  }
  return times;
}

/** Seconds of one `cachectl populate`. Throws an Error when it failed or left an output out. */
async function run(world: PopulateWorld): Promise<number> {
  const started = performance.now();
  const { status, stdout, stderr } = await world.call(["populate"]);
  const seconds = (performance.now() - started) / 1000;
  if (status !== 0 || Object.keys(world.statuses()).length !== outputs) throw new Error(stdout + stderr);
  return seconds;
}

/** Seconds of one run of the proposal's script, in the repository itself. Throws an Error when it failed. */
function proposal(world: PopulateWorld): number {
  const names = Array.from({ length: outputs }, (_, number) => `packages.${system}.output-${number}`);
  const script = join(import.meta.dirname, "populate-proposal.sh");
  const started = performance.now();
  execFileSync(script, [world.repository, ...names], { env: world.env, stdio: "pipe" });
  return (performance.now() - started) / 1000;
}

function tell(report: Report, metric: string, { ours, theirs }: Times, least: number): void {
  const absolute = { unit: "s", against: "", budget: "", holds: true };
  report({ metric: `populate, ${metric}`, value: median(ours), ...absolute });
  report({ metric: `the proposal's script, ${metric}`, value: median(theirs), ...absolute });
  const ratio = median(theirs) / median(ours);
  const against = "the proposal's script in the same run";
  const verdict = { budget: `>= ${least} x`, holds: ratio >= least };
  report({ metric: `${metric}: times as fast`, value: ratio, unit: "x", against, ...verdict });
}
