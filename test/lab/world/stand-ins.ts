/** The stand-ins of Tailscale and GitHub as processes beside the lab: started, found again, and ended. */
import { spawn } from "node:child_process";
import { existsSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Instance } from "../instance.ts";
import { isRunning, markOf, processesWithArgument, type ProcessMark } from "../machines/procfs.ts";
import { type OperatorSecrets } from "./operator.ts";

export type StandIn = "tailscale" | "github";

/** A stand-in that answers: where, and which process it is. */
export interface RunningStandIn {
  readonly url: string;
  readonly process: ProcessMark;
}

const STAND_INS: readonly StandIn[] = ["tailscale", "github"];
const START_MS = 20_000;
const STOP_MS = 5_000;

/** The repository that CI builds from. */
export const REPOSITORY = "alice/nixos-config";

/** What the tailnet's user keeps by hand; the comments are part of it. */
export const USERS_POLICY = join(import.meta.dirname, "policy.hujson");

function fileOf(instance: Instance, name: StandIn, ending: string): string {
  return join(instance.dir, `${name}.${ending}`);
}

/** The stand-ins that run, by name. */
export function runningStandIns(instance: Instance): ReadonlyMap<StandIn, RunningStandIn> {
  const found = new Map<StandIn, RunningStandIn>();
  for (const name of STAND_INS) {
    const file = fileOf(instance, name, "running.json");
    if (!existsSync(file)) continue;
    const running = JSON.parse(readFileSync(file, "utf8")) as RunningStandIn;
    if (isRunning(running.process)) found.set(name, running);
  }
  return found;
}

/** Starts those that do not run. The machines' network has to be there: the policy becomes its packet filter at once. */
export async function startStandIns(
  instance: Instance,
  secrets: OperatorSecrets,
): Promise<Readonly<Record<StandIn, string>>> {
  const running = runningStandIns(instance);
  const start = async (name: StandIn, options: object): Promise<string> =>
    running.get(name)?.url ?? (await launch(instance, name, options));
  const tailscale = await start("tailscale", tailscaleOptions(instance, secrets));
  const github = await start("github", githubOptions(instance, secrets));
  return { tailscale, github };
}

/** Ends them; what they hold stays in their files. They are found without those too: a folder may have been removed. */
export async function stopStandIns(instance: Instance): Promise<void> {
  for (const name of STAND_INS) {
    for (const mark of processesWithArgument(fileOf(instance, name, "options.json"))) await stop(mark);
    rmSync(fileOf(instance, name, "running.json"), { force: true });
  }
}

async function stop(mark: ProcessMark): Promise<void> {
  process.kill(mark.pid, "SIGTERM");
  for (let waited = 0; isRunning(mark); waited += 50) {
    if (waited > STOP_MS) process.kill(mark.pid, "SIGKILL");
    await sleep(50);
  }
}

function tailscaleOptions(instance: Instance, { tailscaleApiKey }: OperatorSecrets): object {
  const { addresses } = instance;
  const device = (name: keyof typeof addresses, user: string, os = "linux"): object => ({
    name,
    addresses: [addresses[name]],
    user,
    os,
  });
  return {
    statePath: fileOf(instance, "tailscale", "state.json"),
    users: [
      { login: "alice@example.com", role: "owner" },
      { login: "bob@example.com", role: "member" },
    ],
    devices: [
      device("operator", "alice@example.com"),
      device("server", "alice@example.com"),
      device("desktop", "bob@example.com"),
      device("macbook", "alice@example.com", "macOS"),
    ],
    apiKeys: [{ key: tailscaleApiKey, user: "alice@example.com" }],
    policy: readFileSync(USERS_POLICY, "utf8"),
    filterPath: fileOf(instance, "tailscale", "flows.json"),
    filterCommand: [process.execPath, join(import.meta.dirname, "filter.ts"), instance.id, instance.dir],
  };
}

function githubOptions(instance: Instance, { githubToken }: OperatorSecrets): object {
  return {
    port: 0,
    statePath: fileOf(instance, "github", "state.json"),
    tokens: { [githubToken]: { login: "alice", scopes: ["repo", "workflow"] } },
    repositories: [{ fullName: REPOSITORY, private: true }],
  };
}

/** Starts one in the background and waits for the address that it prints. */
async function launch(instance: Instance, name: StandIn, options: object): Promise<string> {
  const optionsFile = fileOf(instance, name, "options.json");
  writeFileSync(optionsFile, JSON.stringify(options), { mode: 0o600 });
  const output = fileOf(instance, name, "log");
  const log = openSync(output, "w", 0o600);
  const program = join(import.meta.dirname, "..", name, "main.ts");
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program, optionsFile], {
    detached: true,
    stdio: ["ignore", log, log],
  });
  child.unref();
  const mark = child.pid === undefined ? undefined : markOf(child.pid);
  for (let waited = 0; mark !== undefined && isRunning(mark) && waited < START_MS; waited += 50) {
    const url = /\{"url":"([^"]+)"\}/.exec(readFileSync(output, "utf8"))?.[1];
    if (url !== undefined) {
      const file = fileOf(instance, name, "running.json");
      writeFileSync(`${file}.new`, JSON.stringify({ url, process: mark }));
      renameSync(`${file}.new`, file);
      return url;
    }
    await sleep(50);
  }
  throw new Error(
    `the stand-in of ${name} did not start: ${readFileSync(output, "utf8").trim().slice(-500)} (${output})`,
  );
}

/** Where the stand-in of Tailscale is, and who may administer its tailnet. */
interface Tailnet {
  readonly standIns: Readonly<Record<StandIn, string>>;
  readonly secrets: OperatorSecrets;
}

/** The tailnet's policy, as its administrator reads it. */
export async function readPolicy(tailnet: Tailnet): Promise<string> {
  return policyCall(tailnet, { method: "GET" });
}

/** Replaces the tailnet's policy, as its administrator does in the console. */
export async function writePolicy(tailnet: Tailnet, text: string): Promise<void> {
  await policyCall(tailnet, { method: "POST", body: text });
}

async function policyCall({ standIns, secrets }: Tailnet, init: RequestInit): Promise<string> {
  const response = await fetch(`${standIns.tailscale}/api/v2/tailnet/-/acl`, {
    ...init,
    headers: {
      Accept: "application/hujson",
      "Content-Type": "application/hujson",
      Authorization: `Basic ${Buffer.from(`${secrets.tailscaleApiKey}:`).toString("base64")}`,
    },
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`the stand-in of Tailscale answered ${response.status}: ${text}`);
  return text;
}
