/** On a builder: hook, uploader, keys, ssh, queue. */
import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { roomAnswer } from "../doctor-world.ts";
import { type Failure, day } from "./failure.ts";

export const building: readonly Failure[] = [
  {
    what: "no hook",
    on: "builder",
    provoke: (world) => (world.nix["post-build-hook"] = ""),
    check: "hook",
    level: "failure",
    says: /runs no post-build hook/,
  },
  {
    what: "a hook that is not there",
    on: "builder",
    provoke: (world) => rmSync(world.hook),
    check: "hook",
    level: "failure",
    says: /which is not there: every build stops/,
  },
  {
    what: "a hook that can't be run",
    on: "builder",
    provoke: (world) => chmodSync(world.hook, 0o644),
    check: "hook",
    level: "failure",
    says: /not executable/,
  },
  {
    what: "somebody else's hook",
    on: "builder",
    provoke: (world) => world.write("nix/upload-to-cache.sh", "#!/bin/sh\nexec other-cache push\n"),
    check: "hook",
    level: "failure",
    says: /not ours: nothing is queued/,
  },
  {
    what: "a hook of another version",
    on: "builder",
    provoke: (world) => world.write("nix/upload-to-cache.sh", "#!/bin/sh\n# nix-binary-cache, older\n"),
    check: "hook",
    level: "warning",
    says: /another version/,
  },
  {
    what: "nothing watches the queue",
    on: "builder",
    provoke: (world) => world.say("systemctl", { out: "inactive\n", status: 3 }),
    check: "uploader",
    level: "failure",
    says: /nothing watches the queue \(inactive\)/,
  },
  {
    what: "launchd does not watch the queue",
    on: "builder",
    provoke: (world) => {
      world.add("launchctl");
      world.say("launchctl", { err: "Could not find service\n", status: 113 });
    },
    check: "uploader",
    level: "failure",
    says: /nothing watches the queue \(not loaded\)/,
  },
  {
    what: "no keys",
    on: "builder",
    provoke: (world) => rmSync(join(world.paths.keys, "ssh")),
    check: "identity",
    level: "failure",
    says: /keys\/ssh is not there/,
  },
  {
    what: "keys that others can read",
    on: "builder",
    provoke: (world) => chmodSync(join(world.paths.keys, "signing.secret"), 0o444),
    check: "identity",
    level: "failure",
    says: /signing\.secret can be read by others/,
  },
  ...(
    [
      ["another host key", "Host key verification failed.", /another host key/],
      // What OpenSSH's client printed for each with tailscaled 1.98.10.
      [
        "the policy forbids ssh",
        "tailscale: tailnet policy does not permit you to SSH to this node\nConnection closed by 100.64.0.1 port 22",
        /policy does not let/,
      ],
      [
        "the policy forbids the account",
        'tailscale: tailnet policy does not permit you to SSH as user "nix-push"\nConnection closed by 100.64.0.1 port 22',
        /policy does not let/,
      ],
      [
        "a Tailscale SSH server without the account",
        'tailscale: failed to look up local user "nix-push" \nConnection closed by 100.64.0.1 port 22',
        /no account that takes uploads/,
      ],
      [
        "a rule that asks for a person",
        "# Tailscale SSH requires an additional check.\n# To authenticate, visit: https://login.tailscale.com/a/1",
        /asks for a person at a browser/,
      ],
      [
        "a tailnet node of no builder",
        'nix-binary-cache: the tailnet node "mac.tail1.ts.net" (no tags) is not one builder\'s',
        /no builder at this machine's tailnet address/,
      ],
      [
        "an ssh key that the server does not know",
        "nix-push@server: Permission denied (publickey).",
        /does not know this builder's ssh key/,
      ],
      [
        "a key of no builder",
        "nix-binary-cache: the ssh key SHA256:x is no builder's: register it with cachectl builders add",
        /knows no builder of this key/,
      ],
      [
        "an sshd that does not tell the key",
        "nix-binary-cache: sshd does not say which key was used: set ExposeAuthInfo yes for this user",
        /does not tell the receiver which key/,
      ],
      ["sshd does not run", "ssh: connect to host server port 22: Connection refused", /ssh port refuses/],
      [
        "the ssh port is silent",
        "ssh: connect to host server port 22: Operation timed out",
        /gives no answer: the policy/,
      ],
      [
        "the ssh name does not resolve",
        "ssh: Could not resolve hostname server: Name or service not known",
        /does not resolve/,
      ],
      ["an account without its receiver", "sh: cachectl: command not found", /its receiver is not/],
    ] as const
  ).map(([what, said, says]): Failure => ({
    what,
    on: "builder",
    provoke: (world) => world.say("ssh", { err: `${said}\n`, status: 255 }),
    check: "ssh",
    level: "failure",
    says,
  })),
  {
    what: "the server's disk is full",
    on: "builder",
    provoke: (world) => world.say("ssh", { out: JSON.stringify(roomAnswer({ freeBytes: 100 })) }),
    check: "server-disk",
    level: "failure",
    says: /100 B of 500\.0 GiB free, of which 1\.0 GiB stay so/,
  },
  {
    what: "the server's disk is nearly full",
    on: "builder",
    provoke: (world) => world.say("ssh", { out: JSON.stringify(roomAnswer({ freeBytes: 1.5 * 1024 ** 3 })) }),
    check: "server-disk",
    level: "warning",
    says: /nearly full/,
  },
  {
    what: "this builder's share of the day is used up",
    on: "builder",
    provoke: (world) => world.say("ssh", { out: JSON.stringify(roomAnswer({}, { today: 10, dailyLimit: 10 })) }),
    check: "server-disk",
    level: "warning",
    says: /has sent 10 B today/,
  },
  {
    what: "an entry that has waited for two days",
    on: "builder",
    provoke: (world) => {
      world.write("state/queue/waiting/abc-1", "");
      world.age("state/queue/waiting/abc-1", 2 * 86_400);
    },
    check: "queue",
    level: "failure",
    says: /1 waiting, the oldest for 2 days/,
  },
  {
    what: "an entry that has waited for two hours",
    on: "builder",
    provoke: (world) => {
      world.write("state/queue/waiting/abc-1", "");
      world.age("state/queue/waiting/abc-1", 7200);
    },
    check: "queue",
    level: "warning",
    says: /1 waiting, the oldest for 2 h/,
  },
  {
    what: "an entry that was set aside",
    on: "builder",
    provoke: (world) => {
      mkdirSync(join(world.paths.queue, "rejected"));
      world.write("state/queue/rejected/1.abc", "");
    },
    check: "queue",
    level: "warning",
    says: /1 set aside/,
  },
  {
    what: "uploads that have failed for two days",
    on: "builder",
    provoke: (world) =>
      world.state({ server: { failures: 9, since: Date.now() - 2 * day, notBefore: 0, reason: "the server is full" } }),
    check: "last-upload",
    level: "failure",
    says: /9 attempts failed since 2 days .*the server is full/,
  },
  {
    what: "uploads that fail since a moment ago",
    on: "builder",
    provoke: (world) =>
      world.state({ server: { failures: 1, since: Date.now() - 5000, notBefore: 0, reason: "away" } }),
    check: "last-upload",
    level: "warning",
    says: /1 attempt failed since 5 s/,
  },
  {
    what: "nothing was uploaded yet",
    on: "builder",
    provoke: (world) => world.state({}),
    check: "last-upload",
    level: "warning",
    says: /nothing was uploaded yet/,
  },
];
