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

const workflow = `repos/${REPOSITORY}/contents/.github/workflows/nix-cache.yml`;

/** Changes the workflow in the repository as somebody does who edits it there. */
async function editWorkflow({ standIns, secrets }: World, edit: (text: string) => string): Promise<void> {
  const url = `${standIns.github}api/v3/${workflow}`;
  const authorization = `Bearer ${secrets.githubToken}`;
  const { sha, content } = await call(authorization, "GET", `${url}?ref=main`);
  const text = edit(Buffer.from(String(content), "base64").toString("utf8"));
  const changed = { message: "Edit", branch: "main", sha, content: Buffer.from(text).toString("base64") };
  await call(authorization, "PUT", url, changed);
}

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
    breaks: (world) => editWorkflow(world, (text) => `${text}# mine\n`),
    mends: (world) => editWorkflow(world, (text) => text.replace(/# mine\n$/, "")),
    ...{ check: "workflow", level: "warning", says: /nix-cache\.yml on main is another one than the stack's/ },
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
