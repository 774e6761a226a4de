/** `npm run bench -- preview`: what reviewing costs, against a program that declares nothing; and how it grows with hosts. */
import { join } from "node:path";
import { operate } from "../lab/engine/operate.ts";
import { engineConfig, type Settings } from "../lab/world/stack.ts";
import { operatorEnvironment, pulumi } from "../lab/world/world.ts";
import type { TestWorld } from "../lab/world/test-world.ts";
import { median, type Report } from "./figure.ts";
import type { Lab } from "./main.ts";

const ROUNDS = 3;
const HOSTS = [1, 50, 200] as const;
const EMPTY = join(import.meta.dirname, "../lab/engine/empty-program.ts");

/** The lab's settings with so many more clients. They only read, so each is a line of policy and of settings. */
function withClients(world: TestWorld, count: number): Settings {
  const others = Array.from({ length: count }, (_, index) => ({
    name: `client-${index + 1}`,
    system: "x86_64-linux",
    address: `100.90.${Math.floor(index / 250)}.${(index % 250) + 1}`,
  }));
  return { ...world.settings, clients: [...(world.settings.clients as object[]), ...others] };
}

async function succeed(name: string, operation: Promise<{ ok: boolean; message: string; seconds: number }>) {
  const result = await operation;
  if (!result.ok) throw new Error(`${name}: ${result.message}`);
  return result;
}

function preview(world: TestWorld, settings: Settings): Promise<number> {
  return succeed("preview", pulumi(world, "preview", { settings })).then(({ seconds }) => seconds);
}

/** With the same configuration and secrets, so that what reading them takes is no difference between the two. */
async function empty(world: TestWorld, operation: "preview" | "up"): Promise<number> {
  const { secrets, instance } = world;
  const config = engineConfig(world.settings, secrets);
  const request = { instance, stack: "empty", operation, config, program: EMPTY, onLine: (): void => undefined };
  const { passphrase } = secrets;
  return (await succeed(operation, operate({ ...request, env: operatorEnvironment(world), passphrase }))).seconds;
}

/** Interleaved, so that whatever else the machine does meets both. */
export async function previewCost(report: Report, lab: Lab): Promise<void> {
  const world = await lab();
  await empty(world, "up");
  const seconds = new Map<number, number>();
  for (const hosts of HOSTS) {
    const settings = withClients(world, hosts);
    await succeed("up", pulumi(world, "up", { settings }));
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      ours.push(await preview(world, settings));
      theirs.push(await empty(world, "preview"));
    }
    seconds.set(hosts, median(ours));
    const against = `an empty program (${median(theirs).toFixed(2)} s)`;
    const ratio = median(ours) / median(theirs);
    const metric = `preview with nothing to change, ${hosts} more clients (${median(ours).toFixed(2)} s)`;
    const budget = hosts === 1 ? "<= 1.5 x" : "";
    report({ metric, value: ratio, unit: "x", against, budget, holds: budget === "" || ratio <= 1.5 });
  }
  const [one = 0, many = 0, most = 0] = HOSTS.map((hosts) => seconds.get(hosts) ?? 0);
  // Linear: the last 150 clients cost each no more than twice what the first 49 did, and a second at the most in all.
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
