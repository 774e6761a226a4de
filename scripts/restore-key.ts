/**
 * `npm run restore-key -- --stack STACK --from FOLDER --identity FILE`: puts the server's signing keys back on a server
 * whose disk was lost, out of the encrypted copies that `npm run escrow` wrote. They are opened on this machine, and go
 * over ssh; nothing of them is shown, written here, or put into an argument list.
 */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { nixPublicKey } from "../components/ci-publisher/public-keys.ts";
import { toldKeys } from "../components/signing-key/retirement.ts";
import { nameOfStack } from "../components/stack-name.ts";
import { contextOf, outputs, secretValue, settings, type StackContext } from "./doctor/stack.ts";
import { readCopies } from "./escrow/copies.ts";
import { decrypt } from "./escrow/decrypt.ts";
import { placeKey } from "./escrow/place.ts";

const usage = `usage: npm run restore-key -- --stack STACK --from FOLDER_OR_FILE --identity FILE

  --stack STACK      the stack whose server it is; its server.address and server.hostKey must be the new machine's
  --from PATH        what npm run escrow wrote: the folder, or one NAME.age of it
  --identity FILE    yours: of age-keygen, or, with the program age installed, an ssh key or a plugin's`;

async function main(): Promise<void> {
  const options = { stack: { type: "string" }, from: { type: "string" }, identity: { type: "string" } } as const;
  const { stack, from, identity } = parseArgs({ options }).values;
  if (stack === undefined || from === undefined || identity === undefined)
    throw new TypeError("--stack, --from and --identity: all three are needed");
  const context = contextOf(stack, "npm run restore-key --");
  const { config } = await settings(context);
  const { name, address, sshPort: port, user, hostKey } = config.server;
  const { keys, directory } = config.signing;
  // All are opened before the first goes anywhere.
  const opened = [];
  for (const copy of readCopies(resolve(from), keys)) {
    const secretKey = await decrypt(copy, resolve(identity));
    opened.push({ secretKey, publicKey: nixPublicKey(secretKey, copy.file, "Take another copy.") });
  }
  const expected = await expectedKeys(context);
  for (const { publicKey } of opened) checkExpected(publicKey, expected, stack);
  const privateKey = await secretValue(context, "deployKey");
  const place = { target: { name, address, port, user, hostKey }, privateKey, directory };
  for (const { publicKey, secretKey } of opened)
    console.log(`${publicKey}: ${await told(placeKey(place, publicKey, secretKey))}`);
  console.log(`next: pulumi up --stack ${stack}`);
}

async function told(placed: ReturnType<typeof placeKey>): Promise<string> {
  return (await placed) === "restored" ? "put back on the server" : "on the server already; nothing to do";
}

/** Public halves that machines were told, and those that the stack has. */
async function expectedKeys(context: StackContext): Promise<readonly string[]> {
  // Without a state, the committed facts are what is left.
  const { publicKeys = [] } = await outputs(context).catch(() => ({ publicKeys: [] }));
  return [...(toldKeys(nameOfStack(context.stack)) ?? []), ...publicKeys];
}

/** Anybody can encrypt something to a recipient: only a key that machines trust is put on the server. */
function checkExpected(publicKey: string, expected: readonly string[], stack: string): void {
  if (expected.includes(publicKey)) return;
  throw new Error(
    `the copy holds ${publicKey}; machines were told ${expected.join(", ") || "nothing"} ` +
      `(nix/vars/${nameOfStack(stack)}.json, and the stack's output publicKeys). Take the copy of a key that they trust`,
  );
}

try {
  await main();
} catch (error) {
  console.error(`restore-key: ${(error as Error).message}`);
  if (error instanceof TypeError) console.error(usage);
  process.exitCode = error instanceof TypeError ? 2 : 1;
}
