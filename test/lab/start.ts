/** `npm start`: brings the lab up, runs `pulumi up` of the stack `lab`, shows the main job, and says what happened. */
import { adoptVars, varsOf } from "./job/clients.ts";
import { mainJob } from "./job/main-job.ts";
import { account } from "./job/account.ts";
import { Steps } from "./job/steps.ts";
import { runningEngine } from "./world/engine.ts";
import { pulumi, raiseWorld } from "./world/world.ts";

const steps = new Steps((line) => void process.stdout.write(`${line}\n`));

try {
  await steps.run("the Pulumi engine", "npm start", (say) => runningEngine(say));
  const world = await steps.run("three machines, Tailscale and GitHub", "npm start", (say) => raiseWorld("n", say));
  const up = await steps.run("pulumi up", "npm run lab -- preview", async (say) => {
    const result = await pulumi(world, "up", { onLine: say });
    if (!result.ok) throw new Error(result.message);
    return result;
  });
  await steps.run("the desktop becomes a client", "npm run lab -- shell desktop", () => adoptVars(world, up));
  const job = await steps.run("a package, from the Mac to the desktop", "npm run lab -- status", () =>
    mainJob(world, varsOf(up).cache.url),
  );
  process.stdout.write(account(world, up, job, steps.done));
  process.exitCode = job.substituted ? 0 : 1;
} catch (error) {
  process.stderr.write(steps.failure(error));
  process.exitCode = 1;
}
