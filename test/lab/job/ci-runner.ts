/** A machine of the lab as a runner of GitHub's: it joins the tailnet with CI's credential and runs the workflow's own steps. */
import assert from "node:assert/strict";
import { openSecrets } from "../github/vault.ts";
import { join } from "node:path";
import type { Machine } from "../machines/machine.ts";
import { REPOSITORY } from "../world/stand-ins.ts";
import type { World } from "../world/world.ts";
import { type Contexts, fillIn, type Outcome, parseWorkflow, runJob } from "../../unit/ci-workflow/runner.ts";

const ENVIRONMENT = "nix-cache";
const WORK = "/tmp/runner";
const CHECKOUT = "/tmp/checkout";
const STEP_SECONDS = 150;

/** What a job left behind. */
export interface Ran {
  readonly outcome: Outcome;
  /** What the steps said, all of it. */
  readonly log: string;
  /** The run's page. */
  readonly summary: string;
}

/** Asks GitHub's API as the operator. @throws AssertionError unless it answers 200 */
async function askGithub(world: World, path: string): Promise<unknown> {
  const headers = { authorization: `Bearer ${world.secrets.githubToken}`, accept: "application/vnd.github+json" };
  const response = await fetch(new URL(`api/v3/repos/${REPOSITORY}/${path}`, world.standIns.github), { headers });
  const text = await response.text();
  assert.equal(response.status, 200, `${path}: ${text}`);
  return JSON.parse(text);
}

/** The workflow that Pulumi committed to the repository. */
export async function committedWorkflow(world: World): Promise<string> {
  const answer = await askGithub(world, `contents/.github/workflows/${ENVIRONMENT}.yml?ref=main`);
  return Buffer.from((answer as { readonly content: string }).content, "base64").toString("utf8");
}

/** What GitHub gives to the environment's jobs: the variables, and the secrets that nobody else can read. */
export async function contextsOf(world: World, output: string): Promise<Contexts> {
  const answer = (await askGithub(world, `environments/${ENVIRONMENT}/variables?per_page=100`)) as {
    readonly variables: readonly { readonly name: string; readonly value: string }[];
  };
  const secrets = await openSecrets(join(world.instance.dir, "github.state.json"), REPOSITORY, ENVIRONMENT);
  return {
    secrets,
    vars: Object.fromEntries(answer.variables.map(({ name, value }) => [name, value])),
    matrix: { output },
  };
}

/** Whether Tailscale takes the OAuth client that a job was given. */
export async function isTaken(world: World, { secrets }: Contexts): Promise<boolean> {
  const body = new URLSearchParams(clientForm(secrets));
  return (await fetch(`${world.standIns.tailscale}/api/v2/oauth/token`, { method: "POST", body })).status === 200;
}

function clientForm({ TS_OAUTH_CLIENT_ID = "", TS_OAUTH_SECRET = "" }: Contexts["secrets"]): Record<string, string> {
  return { client_id: TS_OAUTH_CLIENT_ID, client_secret: TS_OAUTH_SECRET, grant_type: "client_credentials" };
}

/** POSTs to Tailscale's API. @throws AssertionError unless it answers 200 */
async function askTailscale(
  world: World,
  path: string,
  authorization: string,
  body: string | URLSearchParams,
): Promise<unknown> {
  const response = await fetch(`${world.standIns.tailscale}/api/v2/${path}`, {
    method: "POST",
    headers: { authorization },
    body,
  });
  const text = await response.text();
  assert.equal(response.status, 200, `${path}: ${text}`);
  return text === "" ? {} : JSON.parse(text);
}

/**
 * What the Tailscale action does: with the OAuth client it makes a key for one short-lived node with CI's tag. The lab's
 * Tailscale knows its machines from the start, so the machine then gets the tag by its owner's hand.
 */
export async function joinAsCi(world: World, machine: Machine, { secrets, vars }: Contexts): Promise<void> {
  const form = new URLSearchParams(clientForm(secrets));
  const token = (await askTailscale(world, "oauth/token", "", form)) as { access_token: string };
  const tags = [vars.NIX_CACHE_TAG ?? ""];
  const create = { reusable: false, ephemeral: true, preauthorized: true, tags };
  const key = JSON.stringify({ capabilities: { devices: { create } }, expirySeconds: 300, description: "runner" });
  await askTailscale(world, "tailnet/-/keys", `Bearer ${token.access_token}`, key);
  await tagMachine(world, machine, tags);
}

/** Puts tags on a machine, which then is nobody's. */
async function tagMachine(world: World, machine: Machine, tags: readonly string[]): Promise<void> {
  const authorization = `Basic ${Buffer.from(`${world.secrets.tailscaleApiKey}:`).toString("base64")}`;
  const response = await fetch(`${world.standIns.tailscale}/api/v2/tailnet/-/devices`, { headers: { authorization } });
  const { devices } = (await response.json()) as { readonly devices: readonly { id: string; addresses: string[] }[] };
  const id = devices.find(({ addresses }) => addresses.includes(machine.address))?.id ?? "";
  await askTailscale(world, `device/${id}/tags`, authorization, JSON.stringify({ tags }));
}

/** Puts a flake where the checkout would be, on a runner that remembers nothing of earlier jobs, as a hosted one. */
export async function checkOut(machine: Machine, flake: string): Promise<void> {
  await machine.must(["rm", "-rf", CHECKOUT, "/root/.cache/nix"]);
  await machine.writeFile(`${CHECKOUT}/flake.nix`, flake, 0o644);
}

/** Runs every `run:` step of a workflow on the machine, as root: a runner's user may do what root may. */
export async function runOn(machine: Machine, workflow: string, contexts: Contexts): Promise<Ran> {
  await machine.must(["sh", "-c", `rm -rf ${WORK} && mkdir -p ${WORK} && touch ${WORK}/env ${WORK}/summary.md`]);
  const said: string[] = [];
  const execute = async (script: string, env: Readonly<Record<string, string>>, step: string): Promise<number> => {
    const given = {
      ...env,
      NIX_CONFIG: `${env.NIX_CONFIG ?? ""}\n${installedConfig(workflow, contexts)}`,
      ...runnerEnv,
    };
    await machine.writeFile(`${WORK}/step.env`, exports(given), 0o600);
    await machine.writeFile(`${WORK}/step.sh`, script, 0o600);
    const argv = ["sh", "-c", `. ${WORK}/step.env; rm ${WORK}/step.env; cd ${CHECKOUT}; exec sh -e ${WORK}/step.sh`];
    const { code, stdout, stderr } = await machine.run(argv, { timeoutSeconds: STEP_SECONDS });
    said.push(`--- ${step}: ${code}`, stdout, stderr);
    return code;
  };
  const outcome = await runJob(workflow, contexts, execute, () => machine.readFile(`${WORK}/env`));
  return { outcome, log: said.join("\n"), summary: await machine.readFile(`${WORK}/summary.md`) };
}

const runnerEnv = { RUNNER_TEMP: WORK, GITHUB_ENV: `${WORK}/env`, GITHUB_STEP_SUMMARY: `${WORK}/summary.md` };

/** What the action that installs Nix writes into nix.conf. */
function installedConfig(workflow: string, contexts: Contexts): string {
  const install = parseWorkflow(workflow).jobs.build.steps.find(({ name }) => name === "Install Nix");
  const config = install?.with?.extra_nix_config;
  return typeof config === "string" ? fillIn(config, contexts) : "";
}

/** Variables as a shell reads them: a secret is in no argument list. */
function exports(env: Readonly<Record<string, string>>): string {
  return Object.entries(env)
    .map(([name, value]) => `export ${name}='${value.replaceAll("'", `'\\''`)}'\n`)
    .join("");
}

/** Files below the runner's folders that hold one of the texts. */
export async function leftBehind(machine: Machine, texts: readonly string[]): Promise<string[]> {
  const script = `grep -rlF -f /dev/stdin ${WORK} ${CHECKOUT} /etc/nix || :`;
  const lines = texts
    .flatMap((text) => text.split("\n"))
    .filter((line) => line.length > 20 && !line.startsWith("-----"));
  const { stdout } = await machine.must(["sh", "-c", script], { stdin: `${lines.join("\n")}\n` });
  return stdout.split("\n").filter((line) => line !== "");
}
