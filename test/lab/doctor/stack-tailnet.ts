/** Breakages of what the stack has at Tailscale: the credential for it, its scopes, the server's tag, the policy. */
import { readFileSync } from "node:fs";
import { USERS_POLICY } from "../world/stand-ins.ts";
import type { World } from "../world/world.ts";
import { type Change, policy, unchanged } from "./breakage.ts";
import { serverSetting, type StackBreakage, tailscale } from "./stack-breakage.ts";

async function tagServer(world: World, tags: readonly string[]): Promise<void> {
  const { devices } = (await tailscale(world, "GET", "tailnet/-/devices")) as {
    devices: readonly { readonly id: string; readonly hostname: string }[];
  };
  const server = devices.find(({ hostname }) => hostname === "server");
  await tailscale(world, "POST", `device/${server?.id ?? ""}/tags`, { tags });
}

/** An OAuth client with these scopes, in place of the operator's key, while the breakage lasts. */
function client(scopes: readonly string[], tags: readonly string[] = []): Change & Pick<StackBreakage, "env"> {
  const env: Record<string, string> = {};
  return {
    env,
    breaks: async (world) => {
      const description = "may do little";
      const made = await tailscale(world, "POST", "tailnet/-/keys", { keyType: "client", description, scopes, tags });
      env.TAILSCALE_API_KEY = "";
      env.TAILSCALE_OAUTH_CLIENT_ID = String(made.id);
      env.TAILSCALE_OAUTH_CLIENT_SECRET = String(made.key);
    },
    mends: (world) => tailscale(world, "DELETE", `tailnet/-/keys/${env.TAILSCALE_OAUTH_CLIENT_ID ?? ""}`),
  };
}

const asked = (what: string, check: string, says: RegExp, change: Change & Partial<StackBreakage>): StackBreakage => ({
  ...{ what, check, says },
  ...change,
});

const withEnv = (env: Readonly<Record<string, string>>): Change & Pick<StackBreakage, "env"> => ({ ...unchanged, env });

/** A port of this machine that nobody listens on. */
const NOBODY = "http://127.0.0.1:59999";

export const tailnetBreakages: readonly StackBreakage[] = [
  asked("no credential for Tailscale", "tailscale", /no credential for Tailscale/, withEnv({ TAILSCALE_API_KEY: "" })),
  asked(
    "two credentials for Tailscale",
    "tailscale",
    /and an OAuth client are both set/,
    withEnv({ TAILSCALE_OAUTH_CLIENT_ID: "k1", TAILSCALE_OAUTH_CLIENT_SECRET: "tskey-client-k1-x" }),
  ),
  asked(
    "a credential that Tailscale does not know",
    "tailscale",
    /refused the credential \(401/,
    withEnv({ TAILSCALE_API_KEY: "tskey-api-gone" }),
  ),
  asked(
    "Tailscale's API can't be reached",
    "tailscale",
    /Check the network and TAILSCALE_BASE_URL/,
    withEnv({ TAILSCALE_BASE_URL: NOBODY }),
  ),
  asked(
    "an OAuth client that may not read the policy",
    "tailscale",
    /needs the scope policy_file:read/,
    client(["devices:core:read"]),
  ),
  // Enough to read the policy, and no more.
  asked(
    "an OAuth client that may do less than the stack does",
    "scopes",
    /lacks the scope .*oauth_keys/,
    client(["policy_file", "devices:core:read", "devices:posture_attributes"]),
  ),
  asked(
    "a server at another address",
    "devices",
    /the tailnet has no machine that may be "server" \(100\.64\.9\.9\)/,
    serverSetting({ address: "100.64.9.9" }),
  ),
  asked("a server without its tag", "devices", /server has not the tag tag:nix-cache: nobody is let in/, {
    breaks: (world) => tagServer(world, []),
    mends: (world) => tagServer(world, ["tag:nix-cache"]),
  }),
  asked(
    "a policy that opens everything",
    "policy",
    /Tailscale refuses the policy with this stack's entries: .*; because acls\[0\]/s,
    policy(() => '{"acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}]}'),
  ),
  asked(
    "a policy that somebody put back as it was",
    "policy",
    /lines of this stack's entries are not as they should be/,
    {
      ...policy(() => readFileSync(USERS_POLICY, "utf8")),
      level: "warning",
    },
  ),
  asked(
    "an entry that somebody changed",
    "policy",
    /lines of this stack's entries are not as they should be, such as [-+]/,
    {
      ...policy((text) => text.replace('"tcp:5000"', '"tcp:5000", "tcp:5002"')),
      level: "warning",
    },
  ),
];
