/** Breakages of the server as the operator sees it: the cache's address, ssh, what was deployed, what would be. */
import { configure } from "../job/deploy.ts";
import { away, type Change, commands, nginx } from "./breakage.ts";
import { configured, serverSetting, type StackBreakage } from "./stack-breakage.ts";

const PROFILE = "/nix/var/nix/profiles/system";

const unit = (name: string): Change => commands("server", ["systemctl", "stop", name], ["systemctl", "start", name]);

/** The server's own configuration says something else for a while. */
const module = (addition: string): Change => ({
  breaks: ({ machines: { server } }) => configure(server, addition),
  mends: ({ machines: { server } }) => configure(server, ""),
});

/** Somebody put another system in the profile by hand. */
const byHand: Change = {
  breaks: async ({ machines: { server } }) => {
    const { stdout } = await server.must(["sh", "-c", "mkdir /tmp/by-hand && nix-store --add /tmp/by-hand"]);
    await server.must(["mv", PROFILE, `${PROFILE}.kept`]);
    await server.must(["ln", "-s", stdout.trim(), PROFILE]);
  },
  mends: async ({ machines: { server } }) => {
    await server.must(["rm", "-r", PROFILE, "/tmp/by-hand"]);
    await server.must(["mv", `${PROFILE}.kept`, PROFILE]);
  },
};

const deployed = (what: string, says: RegExp, change: Change & Partial<StackBreakage>): StackBreakage => ({
  ...{ what, check: "deployed", says },
  ...change,
});

export const serverBreakages: readonly StackBreakage[] = [
  { ...{ what: "a cache that does not answer", check: "cache", says: /ECONNREFUSED/ }, ...unit("nginx") },
  {
    ...{ what: "a cache that says another priority", check: "cache", level: "warning" },
    ...nginx((text) =>
      text.replace(
        /location = \/nix-cache-info \{/,
        (found) => `${found}\nreturn 200 "StoreDir: /nix/store\\nPriority: 45\\n";`,
      ),
    ),
    says: /priority 45, the stack says 50/,
  },
  deployed("a server without ssh", /it cannot be reached/, unit("ssh")),
  deployed(
    "another deploy key",
    /it refuses the credential/,
    configured((config) => ({ ...config, deployKey: undefined })),
  ),
  deployed(
    "another host key",
    /its host key is not the one in server\.hostKey/,
    serverSetting({ hostKey: `ssh-ed25519 ${"A".repeat(68)}` }),
  ),
  deployed("a flake that does not evaluate", /does not evaluate there:.*nowhere/s, module("x = nowhere;")),
  deployed(
    "a configuration that the flake has not",
    /does not evaluate there/,
    serverSetting({ configuration: "other" }),
  ),
  deployed("a server without a system of its own", /runs no NixOS system of its own profile/, away("server", PROFILE)),
  deployed("a system that was put there by hand", /by-hand, which this stack did not deploy/, {
    ...byHand,
    level: "warning",
  }),
  deployed("a flake that has moved on", /the flake has moved on/, {
    ...module('environment.etc."moved-on".text = "yes";'),
    level: "warning",
  }),
];
