/**
 * `npm run workflow -- --stack STACK [--into CHECKOUT]`: prints the CI workflow of a stack, or writes it into a checkout
 * of the repository for its owner to commit. The text is the stack's output `ciWorkflow`.
 */
import { execFile } from "node:child_process";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { z } from "zod";

const usage = `usage: npm run workflow -- --stack STACK [--into CHECKOUT]

  --into CHECKOUT   a checkout of ci.repository; without it the workflow is printed`;

const outputSchema = z.object({
  path: z.string().regex(/^\.github\/workflows\/[A-Za-z0-9_-]+\.yml$/),
  text: z.string(),
});

/** Reads the stack's output. @throws Error when the stack has none */
async function workflowOf(stack: string): Promise<z.output<typeof outputSchema>> {
  const args = ["stack", "output", "ciWorkflow", "--json", "--stack", stack];
  const { stdout } = await promisify(execFile)("pulumi", args, { timeout: 60_000 });
  const parsed = outputSchema.safeParse(JSON.parse(stdout));
  if (!parsed.success) throw new Error(`stack ${stack}: its output ciWorkflow is not a workflow. Run pulumi up first.`);
  return parsed.data;
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { stack: { type: "string" }, into: { type: "string" } } });
  if (values.stack === undefined) throw new TypeError("--stack: missing");
  const { path, text } = await workflowOf(values.stack);
  if (values.into === undefined) {
    process.stdout.write(text);
    return;
  }
  const file = join(values.into, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.tmp`, text);
  await rename(`${file}.tmp`, file);
  console.log(`wrote ${file}; commit it`);
}

main().catch((error: unknown) => {
  const isUsage = error instanceof TypeError;
  console.error(`workflow: ${error instanceof Error ? error.message : String(error)}${isUsage ? `\n${usage}` : ""}`);
  process.exitCode = isUsage ? 2 : 1;
});
