/**
 * Writes a stack's public facts to nix/vars/<stack>.json, the file that machines' Nix configurations read.
 *
 * usage: npm run nix-vars -- STACK [--check]
 *
 * It asks the stack for its output `nixVars`, so it is run after `pulumi up`; commit what it wrote. `--check` only tells
 * whether the committed file is current.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { nameOfStack, stackProblem } from "../components/stack-name.ts";

/** Sorts keys at every depth, so that a diff shows what changed and nothing else. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}

function readOutput(stack: string): unknown {
  try {
    const text = execFileSync("pulumi", ["stack", "output", "nixVars", "--json", "--stack", stack], {
      encoding: "utf8",
      timeout: 60_000,
      stdio: ["ignore", "pipe", "pipe"],
    });
    return JSON.parse(text);
  } catch (error) {
    const detail = (error as { stderr?: string }).stderr?.trim().split("\n").at(-1) ?? (error as Error).message;
    throw new Error(`stack "${stack}" has no output nixVars (${detail}). Run: pulumi up --stack ${stack}`);
  }
}

function main(args: readonly string[]): number {
  const [stack] = args.filter((argument) => !argument.startsWith("--"));
  if (stack === undefined || stackProblem(stack) !== undefined) {
    console.error("usage: npm run nix-vars -- STACK [--check]");
    return 2;
  }
  const file = `nix/vars/${nameOfStack(stack)}.json`;
  const text = `${JSON.stringify(sorted(readOutput(stack)), null, 2)}\n`;
  const current = existsSync(file) ? readFileSync(file, "utf8") : undefined;
  if (current === text) {
    console.log(`${file} is current`);
    return 0;
  }
  if (args.includes("--check")) {
    console.error(`${file}: is not what the stack says. Run: npm run nix-vars -- ${stack}`);
    return 1;
  }
  mkdirSync("nix/vars", { recursive: true });
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
  console.log(`wrote ${file}; commit it`);
  return 0;
}

try {
  process.exitCode = main(process.argv.slice(2));
} catch (error) {
  console.error(`nix-vars: ${(error as Error).message}`);
  process.exitCode = 1;
}
