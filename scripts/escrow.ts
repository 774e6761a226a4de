/**
 * `npm run escrow -- --stack STACK --out FOLDER`: writes the stack's encrypted copies of the server's signing keys, a
 * file NAME.age each, for their owner to keep. A file that is the stack's copy already is left as it is.
 */
import { parseArgs } from "node:util";
import { resolve } from "node:path";
import { keepCopies } from "./escrow/copies.ts";
import { contextOf, outputs } from "./doctor/stack.ts";

const usage = `usage: npm run escrow -- --stack STACK --out FOLDER

  --stack STACK   the stack with signing.escrow
  --out FOLDER    where the copies go, NAME.age each; it is made when it is not there`;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { stack: { type: "string" }, out: { type: "string" } } });
  const { stack, out } = values;
  if (stack === undefined || out === undefined) throw new TypeError("--stack and --out: both are needed");
  const context = contextOf(stack, "npm run escrow --");
  const { escrow = {} } = await outputs(context);
  if (Object.keys(escrow).length === 0) {
    throw new Error(
      `stack "${stack}" has no copies. Set signing.escrow to an age recipient of yours, then: pulumi up --stack ${stack}`,
    );
  }
  for (const { file, written } of keepCopies(resolve(out), escrow))
    console.log(`${written ? "wrote" : "current:"} ${file}`);
  console.log(
    "Keep them where the server's disk is not. To restore: npm run restore-key, docs/when-the-server-dies.md",
  );
}

try {
  await main();
} catch (error) {
  console.error(`escrow: ${(error as Error).message}`);
  if (error instanceof TypeError) console.error(usage);
  process.exitCode = error instanceof TypeError ? 2 : 1;
}
