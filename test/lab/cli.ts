/** `npm run lab -- VERB`: what can be done with a lab that runs. */
import { account, next } from "./job/account.ts";
import { adoptVars, varsOf } from "./job/clients.ts";
import { mainJob } from "./job/main-job.ts";
import { Steps } from "./job/steps.ts";
import type { OperationName, OperationResult } from "./engine/operation.ts";
import { isMachineName, MACHINE_NAMES, openInstance } from "./instance.ts";
import { statusOfLab } from "./world/status.ts";
import { readPolicy } from "./world/stand-ins.ts";
import { eraseWorld, lowerWorld, pulumi, raiseWorld, type World } from "./world/world.ts";

type Verb = (args: readonly string[]) => Promise<number>;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function world(): Promise<World> {
  return raiseWorld("n", say);
}

/** Runs an operation of Pulumi on the stack `lab`; arguments are the settings' own file, Pulumi.lab.yaml. */
function operation(name: OperationName): Verb {
  return async () => {
    const result = await pulumi(await world(), name, { onLine: say });
    if (!result.ok) process.stderr.write(`\n${name} failed: ${result.message}\n`);
    return result.ok ? 0 : 1;
  };
}

async function outputs(lab: World): Promise<OperationResult> {
  const result = await pulumi(lab, "outputs");
  if (!result.ok) throw new Error(result.message);
  if (result.outputs.nixVars === undefined) throw new Error("the stack is not up: `npm run lab -- up` first");
  return result;
}

const verbs: Readonly<Record<string, Verb>> = {
  preview: operation("preview"),
  up: async () => {
    const lab = await world();
    const result = await pulumi(lab, "up", { onLine: say });
    if (!result.ok) throw new Error(result.message);
    await adoptVars(lab, result);
    return 0;
  },
  refresh: operation("refresh"),
  destroy: operation("destroy"),
  job: async () => {
    const lab = await world();
    const steps = new Steps(say);
    const up = await outputs(lab);
    const job = await steps.run("a package, from the Mac to the desktop", "npm run lab -- status", () =>
      mainJob(lab, varsOf(up).cache.url),
    );
    say(account(lab, up, job, steps.done));
    return job.substituted ? 0 : 1;
  },
  status: async () => {
    say(await statusOfLab(openInstance("n")));
    return 0;
  },
  policy: async () => {
    say(await readPolicy(await world()));
    return 0;
  },
  shell: async ([name = ""]) => {
    if (!isMachineName(name)) throw new Error(`found ${JSON.stringify(name)}; machines: ${MACHINE_NAMES.join(", ")}`);
    return (await world()).machines[name].shell();
  },
  down: async () => {
    await lowerWorld(openInstance("n"));
    return 0;
  },
  erase: async () => {
    await eraseWorld(openInstance("n"));
    return 0;
  },
};

const [verb = "help", ...args] = process.argv.slice(2);
const run = verbs[verb];
try {
  if (run === undefined) say(next().join("\n"));
  process.exitCode = run === undefined ? (verb === "help" ? 0 : 2) : await run(args);
} catch (error) {
  process.stderr.write(`lab: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
