/** `npm run bench -- preview`: what reviewing costs, against a program that declares nothing; and how it grows with hosts. */
import { mustSucceed } from "../lab/job/told.ts";
import type { Settings } from "../lab/world/stack.ts";
import type { TestWorld } from "../lab/world/test-world.ts";
import { pulumi } from "../lab/world/world.ts";
import { median, type Report } from "./figure.ts";
import type { Lab } from "./main.ts";
import { type Way, wayToPreview } from "./preview-ways.ts";

const ROUNDS = 5;
const HOSTS = [1, 50, 200] as const;

/** The lab's settings with so many more clients. They only read, so each is a line of policy and of settings. */
function withClients(world: TestWorld, count: number): Settings {
  const others = Array.from({ length: count }, (_, index) => ({
    name: `client-${index + 1}`,
    system: "x86_64-linux",
    address: `100.90.${Math.floor(index / 250)}.${(index % 250) + 1}`,
  }));
  return { ...world.settings, clients: [...(world.settings.clients as object[]), ...others] };
}

/** Medians. Interleaved, so that whatever else the machine does meets both; the first of each is not counted. */
async function compare(way: Way, settings: Settings): Promise<{ readonly ours: number; readonly empty: number }> {
  const [ours, empty]: [number[], number[]] = [[], []];
  for (let round = 0; round <= ROUNDS; round += 1) {
    ours.push(await way.ours(settings));
    empty.push(await way.empty());
  }
  return { ours: median(ours.slice(1)), empty: median(empty.slice(1)) };
}

export async function previewCost(report: Report, lab: Lab): Promise<void> {
  const world = await lab();
  mustSucceed(await pulumi(world, "up"));
  const way = await wayToPreview(world);
  const seconds: number[] = [];
  for (const hosts of HOSTS) {
    const settings = withClients(world, hosts);
    mustSucceed(await pulumi(world, "up", { settings }));
    const { ours, empty } = await compare(way, settings);
    seconds.push(ours);
    const metric = `${way.name}: nothing to change, ${hosts} more clients (${ours.toFixed(2)} s)`;
    const [against, budget] = [`an empty program (${empty.toFixed(2)} s)`, hosts === 1 ? "<= 1.5 x" : ""];
    const value = ours / empty;
    report({ metric, value, unit: "x", against, budget, holds: budget === "" || value <= 1.5 });
  }
  way.close();
  growth(report, seconds);
}

/** Linear: the last 150 clients cost each no more than twice what the first 49 did, and a second at the most in all. */
function growth(report: Report, [one = 0, many = 0, most = 0]: readonly number[]): void {
  const [early, late] = [(many - one) / 49, (most - many) / 150];
  report({
    metric: "preview, more for each further client",
    value: Math.max(late, 0) * 1000,
    unit: "ms",
    against: `the first 49 (${(early * 1000).toFixed(1)} ms each)`,
    budget: "linear to 200",
    holds: late <= 2 * Math.max(early, 0) || most - many < 1,
  });
}
