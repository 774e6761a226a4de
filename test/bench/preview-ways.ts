/** Two ways to preview, each of our program and of one that declares nothing: as users type it, and as the lab does. */
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { engineFolders } from "../lab/engine/environment.ts";
import { mustSucceed } from "../lab/job/told.ts";
import { pulumiCommand, pulumiOfOperator } from "../lab/world/operator-commands.ts";
import type { Settings } from "../lab/world/stack.ts";
import type { TestWorld } from "../lab/world/test-world.ts";
import { pulumi } from "../lab/world/world.ts";

const ROOT = join(import.meta.dirname, "../..");
const EMPTY = join(import.meta.dirname, "../lab/engine/empty-program.ts");

/** What is measured; seconds. */
export interface Way {
  readonly name: string;
  /** Of our program, whose stack is up with these settings. */
  ours(settings: Settings): Promise<number>;
  empty(): Promise<number>;
  close(): void;
}

/** The first where Pulumi's language host lies beside the engine, as in its release; it is what users wait for. */
export async function wayToPreview(world: TestWorld): Promise<Way> {
  return (await pulumiOfOperator()).runsPrograms ? typed(world) : inOneProcess(world);
}

/** Pulumi's command, from its start to its end. The empty program is the one that `pulumi new typescript` makes. */
async function typed(world: TestWorld): Promise<Way> {
  const folder = mkdtempSync(join(tmpdir(), "nix-binary-cache-empty-"));
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, "index.ts"), 'import "@pulumi/pulumi";\n');
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module", main: "index.ts" }));
  const runtime = { name: "nodejs", options: { typescript: false } };
  writeFileSync(join(folder, "Pulumi.yaml"), JSON.stringify({ name: "nix-binary-cache", main: "index.ts", runtime }));
  const run = async (...args: readonly string[]): Promise<number> => {
    const started = performance.now();
    await pulumiCommand(world, args, { NODE_COMPILE_CACHE: "" });
    return (performance.now() - started) / 1000;
  };
  await run("stack", "init", "empty", "--cwd", folder);
  const configuration = join(engineFolders(world.instance.dir).work, "Pulumi.lab.yaml");
  return {
    name: "pulumi preview, as typed",
    ours: () => run("preview", "--stack", "lab", "--cwd", ROOT, "--config-file", configuration),
    empty: () => run("preview", "--stack", "empty", "--cwd", folder),
    close: () => rmSync(folder, { recursive: true }),
  };
}

/**
 * The engine with the program inside the lab's process, which needs no language host. The empty program has the same
 * configuration and secrets, so that what reading them takes is no difference between the two.
 */
async function inOneProcess(world: TestWorld): Promise<Way> {
  const empty = async (operation: "preview" | "up"): Promise<number> =>
    mustSucceed(await pulumi(world, operation, { stack: "empty", program: EMPTY })).seconds;
  await empty("up");
  return {
    name: "preview, in one process, without a language host",
    ours: async (settings) => mustSucceed(await pulumi(world, "preview", { settings })).seconds,
    empty: () => empty("preview"),
    close: () => undefined,
  };
}
