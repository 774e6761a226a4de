/**
 * `npm run ci-keys -- --stack STACK`: makes the CI builder's keys and hands them to Pulumi's configuration on standard
 * input. Neither is shown, written to a file, or put into an argument list.
 */
import { execFile, spawn } from "node:child_process";
import { parseArgs, promisify } from "node:util";
import { makeNixKey, makeSshKey } from "../components/ci-publisher/make-keys.ts";
import { nixPublicKey, sshPublicKey } from "../components/ci-publisher/public-keys.ts";
import { nameOfStack } from "../components/stack-name.ts";

const usage = `usage: npm run ci-keys -- --stack STACK [--tailscale-ssh] [--replace]

  --stack STACK     the stack whose configuration gets the keys
  --tailscale-ssh   only the signing key: with server.ssh "tailscale" the runner needs no ssh key
  --replace         make new keys where there are some already; run pulumi up right after`;

const timeout = 60_000;

/** One key: its secret setting, how it is made, and its public half for showing. */
interface KeyKind {
  readonly setting: string;
  readonly make: (stack: string) => string;
  readonly publicHalf: (secret: string) => string;
}

const signing: KeyKind = {
  setting: "nix-binary-cache:ciSigningKey",
  // A name of its own for each key, so that the server can trust two for a while.
  make: (stack) => makeNixKey(`${stack}-ci-${new Date().toISOString().slice(0, 10)}`),
  publicHalf: nixPublicKey,
};

const ssh: KeyKind = {
  setting: "nix-binary-cache:ciSshKey",
  make: (stack) => makeSshKey(`nix-binary-cache ${stack} ci`),
  publicHalf: (secret) => sshPublicKey(secret),
};

/** The names of the settings that the stack has; without --show-secrets Pulumi prints no secret value. */
async function settingsOf(stack: string): Promise<Set<string>> {
  const { stdout } = await promisify(execFile)("pulumi", ["config", "--json", "--stack", stack], { timeout });
  return new Set(Object.keys(JSON.parse(stdout) as Record<string, unknown>));
}

/** Sets a secret, passing it on standard input. */
function setSecret(setting: string, value: string, stack: string): Promise<void> {
  const child = spawn("pulumi", ["config", "set", "--secret", setting, "--stack", stack], {
    stdio: ["pipe", "ignore", "inherit"],
    timeout,
  });
  // One that ends before it has read everything says why itself.
  child.stdin.on("error", () => undefined).end(value);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`pulumi config set --secret ${setting}: ended with ${code ?? "a signal"}`));
    });
  });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      stack: { type: "string" },
      "tailscale-ssh": { type: "boolean", default: false },
      replace: { type: "boolean", default: false },
    },
  });
  if (values.stack === undefined) throw new TypeError("--stack: missing");
  const present = await settingsOf(values.stack);
  for (const { setting, make, publicHalf } of values["tailscale-ssh"] ? [signing] : [signing, ssh]) {
    if (present.has(setting) && !values.replace) {
      console.log(`${setting} is set already; --replace makes a new one`);
      continue;
    }
    const secret = make(nameOfStack(values.stack));
    await setSecret(setting, secret, values.stack);
    console.log(`${setting} set; its public half is ${publicHalf(secret)}`);
  }
}

main().catch((error: unknown) => {
  const isUsage = error instanceof TypeError;
  console.error(`ci-keys: ${error instanceof Error ? error.message : String(error)}${isUsage ? `\n${usage}` : ""}`);
  process.exitCode = isUsage ? 2 : 1;
});
