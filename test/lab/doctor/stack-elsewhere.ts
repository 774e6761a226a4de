/** Breakages of what the stack has at Tailscale and GitHub, by their own interfaces, and of the stack's own updates. */
import { REPOSITORY } from "../world/stand-ins.ts";
import { operatorEnvironment, pulumi, type World } from "../world/world.ts";
import type { StackBreakage } from "./stack.ts";

/** Asks a stand-in as its administrator does. @throws Error when the answer is not 2xx */
async function call(
  authorization: string,
  method: string,
  url: string,
  body?: object,
): Promise<Record<string, unknown>> {
  const response = await fetch(url, {
    method,
    headers: { authorization, "content-type": "application/json", accept: "application/json" },
    ...(body && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${text}`);
  return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
}

const tailscale = (world: World, method: string, path: string, body?: object): Promise<Record<string, unknown>> =>
  call(`Bearer ${world.secrets.tailscaleApiKey}`, method, `${world.standIns.tailscale}/api/v2/${path}`, body);

/** GitHub's answer to the operator about the lab's repository. */
function github(
  { standIns, secrets }: World,
  method: string,
  path: string,
  body?: object,
): Promise<Record<string, unknown>> {
  return call(`Bearer ${secrets.githubToken}`, method, `${standIns.github}api/v3/repos/${REPOSITORY}/${path}`, body);
}

const workflow = "contents/.github/workflows/nix-cache.yml";
let written = "";

/** Puts another text in the workflow's place, as somebody does who edits it at GitHub; null takes the file away. */
async function replaceWorkflow(world: World, edit: (text: string) => string | null): Promise<void> {
  const { sha, content } = await github(world, "GET", `${workflow}?ref=main`);
  written = String(content);
  const text = edit(Buffer.from(written, "base64").toString("utf8"));
  const change = { message: "Edit", branch: "main", sha };
  if (text === null) await github(world, "DELETE", workflow, change);
  else await github(world, "PUT", workflow, { ...change, content: Buffer.from(text).toString("base64") });
}

/** Puts it back as it was. */
async function restoreWorkflow(world: World): Promise<void> {
  const { sha } = await github(world, "GET", `${workflow}?ref=main`).catch(() => ({ sha: undefined }));
  await github(world, "PUT", workflow, {
    message: "Restore",
    branch: "main",
    content: written,
    ...(sha !== undefined && { sha }),
  });
}

const port = "environments/nix-cache/variables/NIX_CACHE_SSH_PORT";

async function tagServer(world: World, tags: readonly string[]): Promise<void> {
  const { devices } = (await tailscale(world, "GET", "tailnet/-/devices")) as {
    devices: readonly { readonly id: string; readonly hostname: string }[];
  };
  const server = devices.find(({ hostname }) => hostname === "server");
  await tailscale(world, "POST", `device/${server?.id ?? ""}/tags`, { tags });
}

/** A client of its own, made while the breakage lasts. */
const poorClient: Record<string, string> = {};

async function makePoorClient(world: World): Promise<void> {
  // Enough to read the policy, and no more.
  const scopes = ["policy_file", "devices:core:read", "devices:posture_attributes"];
  const made = await tailscale(world, "POST", "tailnet/-/keys", {
    ...{ keyType: "client", description: "may do little", scopes },
  });
  Object.assign(poorClient, {
    ...{ TAILSCALE_API_KEY: "", TAILSCALE_OAUTH_CLIENT_ID: made.id, TAILSCALE_OAUTH_CLIENT_SECRET: made.key },
  });
}

export const elsewhere: readonly StackBreakage[] = [
  {
    what: "a workflow that somebody edited",
    breaks: (world) => replaceWorkflow(world, (text) => `${text}# mine\n`),
    mends: restoreWorkflow,
    ...{ check: "workflow", level: "warning", says: /nix-cache\.yml on main is another one than the stack's/ },
  },
  {
    what: "a workflow that is gone",
    breaks: (world) => replaceWorkflow(world, () => null),
    mends: restoreWorkflow,
    ...{ check: "workflow", level: "failure", says: /nix-cache\.yml on main is not there/ },
  },
  {
    what: "somebody else's workflow",
    breaks: (world) => replaceWorkflow(world, () => "name: mine\non: push\njobs: {}\n"),
    mends: restoreWorkflow,
    ...{ check: "workflow", level: "failure", says: /nix-cache\.yml on main was not written by this program/ },
  },
  {
    what: "a variable with another value",
    breaks: (world) => github(world, "PATCH", port, { name: "NIX_CACHE_SSH_PORT", value: "2222" }),
    mends: (world) => github(world, "PATCH", port, { name: "NIX_CACHE_SSH_PORT", value: "22" }),
    ...{ check: "ci-secrets", level: "warning", says: /NIX_CACHE_SSH_PORT is "2222" at GitHub, the stack says "22"/ },
  },
  {
    what: "a server without its tag",
    breaks: (world) => tagServer(world, []),
    mends: (world) => tagServer(world, ["tag:nix-cache"]),
    ...{ check: "devices", level: "failure", says: /server has not the tag tag:nix-cache: nobody is let in/ },
  },
  {
    what: "an OAuth client that may do less than the stack does",
    breaks: makePoorClient,
    mends: (world) => tailscale(world, "DELETE", `tailnet/-/keys/${poorClient.TAILSCALE_OAUTH_CLIENT_ID ?? ""}`),
    ...{ check: "scopes", level: "failure", says: /lacks the scope .*oauth_keys/, env: poorClient },
  },
  {
    what: "an update that failed",
    breaks: (world) => pulumi(world, "up", { env: { ...operatorEnvironment(world), GITHUB_TOKEN: "ghp_gone" } }),
    mends: (world) => pulumi(world, "up"),
    ...{ check: "update", level: "failure", says: /the last update ended as "failed"/ },
  },
];
