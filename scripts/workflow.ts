/**
 * `npm run workflow -- --stack STACK [--into CHECKOUT]`: prints the CI workflow of a stack, or writes it into a checkout
 * of the repository for its owner to commit. It is made from the stack's configuration, and has to be the one that the last
 * `pulumi up` made keys and variables for: the stack's output `ciWorkflow` has its digest.
 */
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { renderWorkflow, workflowDigest, workflowPath } from "../components/ci-publisher/workflow.ts";
import { nameOfStack } from "../components/stack-name.ts";
import { replaceFile } from "../nix/cachectl/lib/replace-file.ts";
import { contextOf, outputs, settings } from "./doctor/stack.ts";

const usage = `usage: npm run workflow -- --stack STACK [--into CHECKOUT]

  --into CHECKOUT   a checkout of ci.repository; without it the workflow is printed`;

/** @throws Error when the stack has none, or was put up with another */
async function workflowOf(stack: string): Promise<{ readonly path: string; readonly text: string }> {
  const context = contextOf(stack, "npm run workflow --");
  const { ci, server } = (await settings(context)).config;
  const { ciWorkflow } = await outputs(context);
  if (ciWorkflow === undefined || ciWorkflow === null)
    throw new Error(`stack ${stack}: has no output ciWorkflow. Set ci.enabled, then: pulumi up --stack ${stack}`);
  const environment = ciWorkflow.environment ?? undefined;
  const text = renderWorkflow({ ...ci, ssh: server.ssh, stack: nameOfStack(stack), environment });
  if (workflowDigest(text) !== ciWorkflow.sha256)
    throw new Error(`stack ${stack}: its workflow has changed since the last update. Run: pulumi up --stack ${stack}`);
  return { path: workflowPath(ci.environment), text };
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
  mkdirSync(dirname(file), { recursive: true });
  replaceFile(file, text, 0o644);
  console.log(`wrote ${file}; commit it`);
}

main().catch((error: unknown) => {
  const isUsage = error instanceof TypeError;
  console.error(`workflow: ${error instanceof Error ? error.message : String(error)}${isUsage ? `\n${usage}` : ""}`);
  process.exitCode = isUsage ? 2 : 1;
});
