/** The steps after the file: the stack, CI's keys, the preview. Each is the command that a person would type. */
import { execFile, spawn } from "node:child_process";
import { promisify } from "node:util";

/** A command that failed, with what is left to do. */
export class StepFailed extends Error {
  override readonly name = "StepFailed";
}

/** One command; what it prints goes to the terminal. */
interface Step {
  readonly program: string;
  readonly args: readonly string[];
  /** As a person would type it. */
  readonly shown: string;
  /** After this many milliseconds it is given up. */
  readonly timeout: number;
}

const minutes = 60_000;

/** What Pulumi knows of a stack. */
export interface StackState {
  readonly exists: boolean;
  /** Names of its settings, each with the project's prefix. */
  readonly settings: ReadonlySet<string>;
}

/** Whether the pulumi command is there. */
export async function hasPulumi(): Promise<boolean> {
  return await promisify(execFile)("pulumi", ["version"], { timeout: 1 * minutes }).then(
    () => true,
    () => false,
  );
}

/** @throws StepFailed when Pulumi can't tell, as when nobody is logged in to a backend */
export async function stackState(stack: string): Promise<StackState> {
  try {
    const settings = JSON.parse(await read(["config", "--json", "--stack", stack])) as Record<string, unknown>;
    return { exists: true, settings: new Set(Object.keys(settings)) };
  } catch (error) {
    if (!(error instanceof StepFailed) || !error.message.includes("no stack named")) throw error;
    return { exists: false, settings: new Set() };
  }
}

async function read(args: readonly string[]): Promise<string> {
  try {
    return (await promisify(execFile)("pulumi", [...args, "--non-interactive"], { timeout: 1 * minutes })).stdout;
  } catch (error) {
    const said = ((error as { stderr?: string }).stderr ?? "").trim().split("\n").at(-1) ?? "";
    throw new StepFailed(`pulumi ${args.join(" ")}: ${said === "" ? (error as Error).message : said}`);
  }
}

/** What is to be run for a stack, in order. */
export function stepsFor(stack: string, state: StackState, ci: { readonly tailscaleSsh: boolean } | undefined): Step[] {
  const steps: Step[] = [];
  if (!state.exists) steps.push(pulumi(["stack", "init", stack], 10 * minutes));
  const needed = ci === undefined ? [] : ci.tailscaleSsh ? ["ciSigningKey"] : ["ciSigningKey", "ciSshKey"];
  if (needed.some((key) => !state.settings.has(`nix-binary-cache:${key}`))) {
    const flags = ["--stack", stack, ...(ci?.tailscaleSsh === true ? ["--tailscale-ssh"] : [])];
    const program = new URL("../ci-keys.ts", import.meta.url).pathname;
    const shown = `npm run ci-keys -- ${flags.join(" ")}`;
    steps.push({ program: process.execPath, args: [program, ...flags], shown, timeout: 10 * minutes });
  }
  return [...steps, pulumi(["preview", "--stack", stack], 30 * minutes)];
}

function pulumi(args: readonly string[], timeout: number): Step {
  return { program: "pulumi", args, shown: `pulumi ${args.join(" ")}`, timeout };
}

/** Runs a step to its end, on this terminal. @throws StepFailed */
export async function runStep({ program, args, shown, timeout }: Step): Promise<void> {
  const child = spawn(program, args, { stdio: "inherit", timeout });
  const code = await new Promise<number | string>((resolve) => {
    child.once("error", (error) => {
      resolve(error.message);
    });
    child.once("close", (status, signal) => {
      resolve(status ?? signal ?? "a signal");
    });
  });
  if (code !== 0) throw new StepFailed(`${shown}: ended with ${code}. Mend what it says, then run it again.`);
}
