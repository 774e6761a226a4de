/** Breakages of a builder: its hook, its keys, its queue, the way by ssh. */
import {
  away,
  both,
  type Breakage,
  type Change,
  commands,
  configured,
  day,
  edited,
  editedJson,
  hour,
  NIX_CONF,
  type Saying,
  STATE,
} from "./breakage.ts";

const on = "macbook";
const warning = "warning";
const HOOK = "/etc/nix/upload-to-cache.sh";
const LAUNCHD = "org.nix-binary-cache.upload";
const otherKey = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${"B".repeat(43)}`;

const hook = (what: string, change: Change, says: RegExp, more: Partial<Saying> = {}): Breakage => ({
  ...{ what, on, check: "hook", says, ...more },
  ...change,
});

const ssh = (what: string, change: Change, says: RegExp): Breakage => ({ what, on, check: "ssh", says, ...change });

const own = (change: (config: Record<string, unknown>) => unknown): Change =>
  editedJson(on, `${STATE}/config.json`, change);

/** sshd of the server with other settings. */
function sshd(change: (text: string) => string): Change {
  const file = edited("server", "/etc/ssh/sshd_config.d/90-configuration.conf", change);
  // A unit may be started five times in ten seconds; what is forgotten does not count.
  const [forget, start] = ["reset-failed", "restart"].map((verb) => ["systemctl", verb, "ssh"]) as [string[], string[]];
  return both(file, commands("server", forget, forget), commands("server", start, start));
}

/**
 * A double of Tailscale SSH that turns the account away: the two lines that its client shows (tailscale 1.98.10) are a
 * banner of our sshd, and its hanging up as soon as a key is offered.
 */
function tailscaleSsh(words: string): Change {
  const hangUp = "/usr/local/bin/hang-up";
  const command = `AuthorizedKeysCommand ${hangUp}\n  AuthorizedKeysCommandUser root`;
  const directives = `Banner /etc/ssh/words\n  AuthorizedKeysFile none\n  ${command}`;
  return both(
    edited("server", "/etc/ssh/words", () => `${words}\n`),
    edited("server", hangUp, () => "#!/bin/sh\nkill -9 $PPID\n", 0o755),
    sshd((text) => text.replace(/AuthorizedKeysFile \S+/, directives)),
  );
}

const receiver = (shell: string): Change =>
  edited("server", "/etc/passwd", (text) => text.replace(/^(nix-push:.*:)[^:]+$/m, `$1${shell}`));

/** An entry that the uploader has not got rid of: its folder is not watched, so it stays as it is. */
const waiting = (age: string): Change =>
  commands(on, ["touch", "-d", age, `${STATE}/queue/waiting/abc-1`], ["rm", "-f", `${STATE}/queue/waiting/abc-1`]);

const uploads = (what: string, state: object, says: RegExp, level?: Saying["level"]): Breakage => ({
  ...{ what, on, check: "last-upload", says, ...(level && { level }) },
  ...editedJson(on, `${STATE}/state.json`, (known) => ({ ...known, ...state })),
});

const setback = (age: number): object => ({
  server: { failures: 3, since: Date.now() - age, notBefore: Date.now() + hour, reason: "the server is full" },
});

export const buildingBreakages: readonly Breakage[] = [
  {
    what: "config.json is cut off",
    ...{ on, check: "config", says: /config\.json can't be read or is no JSON/ },
    ...edited(on, `${STATE}/config.json`, (text) => text.slice(0, 40)),
  },
  hook(
    "no hook",
    edited(on, NIX_CONF, (text) => text.replace(/^post-build-hook = .*$/m, "")),
    /runs no post-build hook/,
    {
      also: ["daemon"],
    },
  ),
  hook("a hook that is not there", away(on, HOOK), /which is not there: every build stops/),
  hook("a hook that can't be run", commands(on, ["chmod", "644", HOOK], ["chmod", "755", HOOK]), /is not executable/),
  hook(
    "somebody else's hook",
    edited(on, HOOK, () => "#!/bin/sh\nexec other-cache push\n", 0o755),
    /not ours: nothing/,
  ),
  hook(
    "a hook of another version",
    edited(on, HOOK, (text) => `${text}\n`, 0o755),
    /another version/,
    { level: warning },
  ),
  {
    what: "nothing watches the queue",
    ...{ on, check: "uploader", says: /nothing watches the queue \(not loaded\)/ },
    ...commands(
      on,
      ["launchctl", "bootout", `system/${LAUNCHD}`],
      ["launchctl", "bootstrap", "system", `/Library/LaunchDaemons/${LAUNCHD}.plist`],
    ),
  },
  {
    what: "nobody can say what watches the queue",
    ...{ on, check: "uploader", level: warning, says: /can't be asked for/ },
    ...both(away(on, "/usr/local/bin/launchctl"), away(on, "/usr/bin/systemctl")),
  },
  { what: "no keys", ...{ on, check: "identity", says: /keys\/ssh is not there/ }, ...away(on, `${STATE}/keys/ssh`) },
  {
    what: "keys that others can read",
    ...{ on, check: "identity", says: /keys\/ssh can be read by others/ },
    ...commands(on, ["chmod", "644", `${STATE}/keys/ssh`], ["chmod", "400", `${STATE}/keys/ssh`]),
  },
  ssh(
    "another host key is pinned",
    edited(on, `${STATE}/config.json`, (text) => text.replace(/ssh-ed25519 [A-Za-z0-9+/]+/, otherKey)),
    /shows another host key than the one in config\.json/,
  ),
  ssh(
    "the builder is not registered",
    {
      breaks: async ({ machines: { server } }) => {
        await server.must(["cp", "-a", `${STATE}/builders/macbook.json`, "/root/macbook.json"]);
        await server.must(["cachectl", "builders", "remove", "macbook"]);
      },
      mends: async ({ machines: { server } }) =>
        server.must(["cachectl", "builders", "add"], { stdin: await server.readFile("/root/macbook.json") }),
    },
    /does not know this builder's ssh key/,
  ),
  ssh(
    "a key of nobody's registration",
    away("server", `${STATE}/builders/macbook.json`),
    /knows no builder of this key/,
  ),
  ssh(
    "an sshd that does not tell the key",
    sshd((text) => text.replace("ExposeAuthInfo yes", "ExposeAuthInfo no")),
    /does not tell the receiver/,
  ),
  ssh(
    "sshd is stopped",
    commands("server", ["systemctl", "stop", "ssh"], ["systemctl", "start", "ssh"]),
    /ssh port refuses/,
  ),
  ssh(
    "the server's name does not resolve for ssh",
    own((config) => ({ ...config, server: { ...(config.server as object), host: "cache.invalid" } })),
    /the server's name does not resolve/,
  ),
  ssh(
    "a builder at another tailnet address",
    both(
      editedJson("server", `${STATE}/builders/macbook.json`, (known) => ({ ...known, tailnet: "100.64.9.9" })),
      sshd((text) => text.replace("ExposeAuthInfo yes", "ExposeAuthInfo no")),
    ),
    /knows no builder at this machine's tailnet address \(.*the tailnet node "macbook/,
  ),
  ssh(
    "Tailscale SSH, and a policy without a rule for this machine",
    tailscaleSsh("tailscale: tailnet policy does not permit you to SSH to this node"),
    /the tailnet's policy does not let this machine in by ssh/,
  ),
  ssh(
    "Tailscale SSH, and a rule that asks for a person",
    tailscaleSsh("# Tailscale SSH requires an additional check."),
    /asks for a person at a browser before it lets ssh in/,
  ),
  ssh(
    "Tailscale SSH on a server without the account",
    tailscaleSsh('tailscale: failed to look up local user "nix-push" '),
    /the server has no account that takes uploads/,
  ),
  ssh("no ssh", away(on, "/usr/bin/ssh"), /ssh is not installed/),
  ssh("an account without its receiver", receiver("/bin/sh"), /the account is there, its receiver is not/),
  {
    what: "the server's disk is short of what is kept free",
    ...{ on, check: "server-disk", says: /900\.0 TiB stay so: no upload is taken/ },
    ...configured((config) => ({ ...config, limits: { minFreeBytes: "900TiB" } })),
  },
  {
    what: "the server's disk is nearly full",
    ...{ on, check: "server-disk", level: warning, says: /free: nearly full/ },
    breaks: async (world) => {
      const { stdout } = await world.machines.server.must(["df", "-B1", "--output=avail", "/nix/store"]);
      const half = Math.floor(Number(stdout.split("\n")[1]) * 0.6);
      await configured((config) => ({ ...config, limits: { minFreeBytes: half } })).breaks(world);
    },
    mends: (world) => configured((config) => config).mends(world),
  },
  {
    what: "this builder's share of the day is used up",
    ...{ on, check: "server-disk", level: warning, says: /has sent .* today, as much as it may/ },
    ...configured((config) => ({ ...config, limits: { dailyBytes: 1 } })),
  },
  {
    what: "an entry that waits for two days",
    ...{ on, check: "queue", says: /1 waiting, the oldest for 2 days/ },
    ...waiting("-2 days"),
  },
  {
    what: "an entry that waits for two hours",
    ...{ on, check: "queue", level: warning, says: /1 waiting, the oldest for 2 h/ },
    ...waiting("-2 hours"),
  },
  {
    what: "an entry that was set aside",
    ...{ on, check: "queue", level: warning, says: /1 set aside/ },
    ...commands(on, ["touch", `${STATE}/queue/rejected/1.abc`], ["rm", `${STATE}/queue/rejected/1.abc`]),
  },
  uploads("uploads that fail for two days", setback(2 * day), /3 attempts failed since 2 days .*the server is full/),
  uploads("uploads that fail for ten minutes", setback(600_000), /3 attempts failed since \d+ min/, warning),
  uploads("nothing was uploaded yet", { lastSuccess: undefined }, /nothing was uploaded yet/, warning),
];
