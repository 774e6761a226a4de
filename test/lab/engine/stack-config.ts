/** Writes a stack's configuration; secrets reach the engine over its standard input, never as arguments. */
import { spawn } from "node:child_process";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { parse, stringify } from "yaml";
import type { ChildRequest, ConfigSetting } from "./operation.ts";

/** The stack's file as Pulumi keeps it; secrets are {secure: ciphertext}. */
interface StackFile {
  config?: Record<string, unknown>;
}

const TIMEOUT_MS = 60_000;

function qualified(project: string, config: Record<string, ConfigSetting>): [string, ConfigSetting][] {
  return Object.entries(config).map(([key, setting]) => [key.includes(":") ? key : `${project}:${key}`, setting]);
}

async function writePlain(path: string, settings: [string, ConfigSetting][]): Promise<void> {
  const file = parse(await readFile(path, "utf8").catch(() => "{}")) as StackFile;
  const before = file.config ?? {};
  const config: Record<string, unknown> = {};
  for (const [key, { value, secret }] of settings) {
    if (secret !== true) config[key] = value;
    else if (before[key] !== undefined) config[key] = before[key];
  }
  await writeFile(`${path}.new`, stringify({ ...file, config }), { mode: 0o600 });
  await rename(`${path}.new`, path);
}

async function setSecret(request: ChildRequest, key: string, value: string): Promise<void> {
  const work = join(request.folder, "work");
  const args = ["config", "set", "--secret", "--raw", "--non-interactive", "--stack", request.stack, "-C", work, key];
  const child = spawn(request.engine, args, { stdio: ["pipe", "ignore", "pipe"], timeout: TIMEOUT_MS });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  child.stdin.on("error", () => undefined).end(value);
  const status = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? -1));
  });
  if (status !== 0) throw new Error(`could not store the secret setting ${key}: ${said.trim()}`);
}

/**
 * Makes the stack's configuration exactly `request.config`: keys without a namespace get the project's, settings that
 * are not given are removed, and a secret is encrypted anew only when it differs.
 */
export async function writeConfig(stack: Stack, request: ChildRequest): Promise<void> {
  const settings = qualified(request.project, request.config);
  await writePlain(join(request.folder, "work", `Pulumi.${request.stack}.yaml`), settings);
  const secrets = settings.filter(([, { secret }]) => secret === true);
  if (secrets.length === 0) return;
  const stored = await stack.getAllConfig();
  for (const [key, { value }] of secrets) {
    if (stored[key]?.value !== String(value)) await setSecret(request, key, String(value));
  }
}
