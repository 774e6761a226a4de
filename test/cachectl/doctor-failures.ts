/** Everything that the doctor can name, each as what brings it about and what it must say. */
import { chmodSync, lutimesSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Level } from "../../nix/cachectl/doctor/finding.ts";
import { makeSigningKey } from "../../nix/cachectl/keys/signing-key.ts";
import { makeKey, signUpload } from "./receive-protocol.ts";
import { roomAnswer, type World, type WorldKind } from "./doctor-world.ts";

export interface Failure {
  /** What was done to the machine. */
  readonly what: string;
  readonly on: WorldKind;
  readonly provoke: (world: World) => void;
  /** The check that must name it, how bad it is, and its words. */
  readonly check: string;
  readonly level: Level;
  readonly says: RegExp;
  /** Other checks that rightly fail by the same cause. */
  readonly also?: readonly string[];
}

const hour = 3600_000;
const day = 24 * hour;
const ago = (milliseconds: number): string => new Date(Date.now() - milliseconds).toISOString();

const tailnet: readonly Failure[] = [
  {
    what: "logged out of the tailnet",
    on: "client",
    provoke: (world) => (world.tailnet = { BackendState: "NeedsLogin" }),
    check: "tailnet",
    level: "failure",
    says: /logged out/,
  },
  {
    what: "the tailnet is down",
    on: "client",
    provoke: (world) => (world.tailnet = { BackendState: "Stopped" }),
    check: "tailnet",
    level: "failure",
    says: /down here \(Stopped\)/,
  },
  {
    what: "not approved yet",
    on: "client",
    provoke: (world) => (world.tailnet = { BackendState: "NeedsMachineAuth" }),
    check: "tailnet",
    level: "failure",
    says: /waits for approval/,
  },
  {
    what: "this machine's key has expired",
    on: "client",
    provoke: (world) => (world.tailnet = { ...world.tailnet, Self: { Online: true, KeyExpiry: ago(hour) } }),
    check: "tailnet",
    level: "failure",
    says: /key has expired/,
  },
  {
    what: "this machine's key expires in a week",
    on: "client",
    provoke: (world) => (world.tailnet = { ...world.tailnet, Self: { Online: true, KeyExpiry: ago(-7 * day) } }),
    check: "tailnet",
    level: "warning",
    says: /expires in 7 days/,
  },
  {
    what: "no connection to the control server",
    on: "client",
    provoke: (world) => (world.tailnet = { ...world.tailnet, Self: { Online: false } }),
    check: "tailnet",
    level: "failure",
    says: /without a connection to the tailnet's control server/,
  },
  {
    what: "the client complains",
    on: "client",
    provoke: (world) => (world.tailnet = { ...world.tailnet, Health: ["router: iptables failed"] }),
    check: "tailnet",
    level: "warning",
    says: /a complaint: router: iptables failed/,
  },
  {
    what: "tailscaled does not run",
    on: "client",
    provoke: (world) => {
      world.tailnet = {};
      world.say("tailscale-status", { err: "failed to connect to local tailscaled\n", status: 1 });
    },
    check: "tailnet",
    level: "failure",
    says: /gives no answer: failed to connect/,
  },
  {
    what: "the client hangs",
    on: "client",
    provoke: (world) => {
      world.tailnet = {};
      world.say("tailscale-status", { status: "hang" });
    },
    check: "tailnet",
    level: "failure",
    says: /took too long/,
  },
];

const serving: readonly Failure[] = [
  {
    what: "config.json is cut off",
    on: "client",
    provoke: (world) => world.write("state/config.json", "{"),
    check: "config",
    level: "failure",
    says: /no JSON/,
  },
  {
    what: "no substituter is the cache",
    on: "client",
    provoke: (world) => (world.nix.substituters = ["https://cache.nixos.org?priority=40"]),
    check: "name",
    level: "failure",
    says: /no substituter of this machine's Nix is the cache/,
  },
  {
    what: "a name that does not resolve",
    on: "client",
    provoke: (world) => (world.nix.substituters = ["http://server.invalid:5000"]),
    check: "name",
    level: "failure",
    says: /server\.invalid does not resolve/,
  },
  {
    what: "nothing listens",
    on: "client",
    provoke: (world) => world.cache.server.close(),
    check: "port",
    level: "failure",
    says: /refuses: the server is there, nothing listens/,
  },
  {
    what: "what is behind nginx is down",
    on: "client",
    provoke: (world) => (world.cache.status = 502),
    check: "cache-info",
    level: "failure",
    says: /nginx answers 502/,
    also: ["substituters"],
  },
  {
    what: "nginx turns this address away",
    on: "client",
    provoke: (world) => (world.cache.status = 403),
    check: "cache-info",
    level: "failure",
    says: /403/,
  },
  {
    what: "something else listens",
    on: "client",
    provoke: (world) => (world.cache.info = "<html>router</html>"),
    check: "cache-info",
    level: "failure",
    says: /no binary cache/,
  },
  {
    what: "a cache for another store",
    on: "client",
    provoke: (world) => (world.cache.info = "StoreDir: /opt/store\nPriority: 50\n"),
    check: "cache-info",
    level: "failure",
    says: /the cache is for \/opt\/store/,
  },
  {
    what: "asked before the public cache",
    on: "client",
    provoke: (world) => (world.cache.info = "StoreDir: /nix/store\nPriority: 30\n"),
    check: "cache-info",
    level: "warning",
    says: /priority 30: asked before/,
  },
  {
    what: "another priority than the stack's",
    on: "server",
    provoke: (world) => (world.cache.info = "StoreDir: /nix/store\nPriority: 45\n"),
    check: "cache-info",
    level: "warning",
    says: /priority 45, the stack says 50/,
  },
  {
    what: "no priority",
    on: "client",
    provoke: (world) => (world.cache.info = "StoreDir: /nix/store\n"),
    check: "cache-info",
    level: "warning",
    says: /no priority/,
  },
  {
    what: "a key that is not trusted here",
    on: "client",
    provoke: (world) => (world.nix["trusted-public-keys"] = [makeKey("server-cache-0").publicKey]),
    check: "signing-key",
    level: "failure",
    says: /signed by server-cache-1; trusted here: server-cache-0/,
  },
  {
    what: "nothing is signed",
    on: "client",
    provoke: (world) => (world.cache.signatures = []),
    check: "signing-key",
    level: "failure",
    says: /signs nothing/,
  },
  {
    what: "signatures are not asked for",
    on: "client",
    provoke: (world) => (world.nix["require-sigs"] = false),
    check: "signing-key",
    level: "warning",
    says: /require-sigs is false/,
  },
  {
    what: "no path to look at",
    on: "client",
    provoke: (world) => (world.cache.known = false),
    check: "signing-key",
    level: "warning",
    says: /no path of this machine is in the cache/,
  },
  {
    what: "a key of the same name",
    on: "client",
    provoke: (world) => (world.nix["trusted-public-keys"] = [makeKey("server-cache-1").publicKey]),
    check: "path",
    level: "failure",
    says: /no signature holds/,
  },
  {
    what: "a signature of another path",
    on: "client",
    provoke: ({ cache }) =>
      (cache.signatures = [signUpload(cache.key, { ...cache.upload, references: ["/nix/store/x"] })]),
    check: "path",
    level: "failure",
    says: /no signature holds/,
  },
  {
    what: "bytes that were changed",
    on: "client",
    provoke: ({ cache }) => (cache.nar = Buffer.from(cache.nar).fill(7, 300, 301)),
    check: "path",
    level: "failure",
    says: /bytes are not those of its hash/,
  },
  {
    what: "a NAR that is cut off",
    on: "client",
    provoke: ({ cache }) => (cache.nar = cache.nar.subarray(0, 1000)),
    check: "path",
    level: "failure",
    says: /has 1000 bytes, its narinfo says/,
  },
  {
    what: "a NAR that goes on",
    on: "client",
    provoke: ({ cache }) => (cache.nar = Buffer.concat([cache.nar, cache.nar])),
    check: "path",
    level: "failure",
    says: /has more than the \d+ bytes/,
  },
  {
    what: "a narinfo without its NAR",
    on: "client",
    provoke: ({ cache }) => (cache.narStatus = 404),
    check: "path",
    level: "failure",
    says: /its NAR is answered with 404/,
  },
  {
    what: "a clock that is 10 minutes off",
    on: "client",
    provoke: ({ cache }) => (cache.ahead = 600_000),
    check: "clock",
    level: "failure",
    says: /\d{3} s behind the server's/,
  },
  {
    what: "a clock that is a minute off",
    on: "client",
    provoke: ({ cache }) => (cache.ahead = -60_000),
    check: "clock",
    level: "warning",
    says: /60 s ahead|61 s ahead/,
  },
];

const nix: readonly Failure[] = [
  {
    what: "Nix does not ask the cache",
    on: "builder",
    provoke: (world) => (world.nix.substituters = ["https://cache.nixos.org?priority=40"]),
    check: "substituters",
    level: "failure",
    says: /Nix does not ask http:\/\/127\.0\.0\.1/,
    // Where no substituter is the cache, its port can only be the usual one.
    also: ["port"],
  },
  {
    what: "ours is asked first",
    on: "client",
    provoke: (world) => (world.nix.substituters = ["https://cache.nixos.org?priority=60", world.url]),
    check: "substituters",
    level: "warning",
    says: /ours before the public one/,
  },
  {
    what: "Nix believes an old priority",
    on: "client",
    provoke: (world) => {
      mkdirSync(join(world.folder, "cache", "nix"), { recursive: true });
      const database = new DatabaseSync(join(world.folder, "cache", "nix", "binary-cache-v6.sqlite"));
      database.exec(
        "create table BinaryCaches (id integer, url text, timestamp integer, storeDir text, priority integer)",
      );
      const time = Math.floor(Date.now() / 1000) - 7200;
      database.exec(`insert into BinaryCaches values (1, '${world.url}', ${time}, '/nix/store', 30)`);
      database.close();
    },
    check: "substituters",
    level: "warning",
    says: /still believes priority 30 \(noted 2 h ago\), the cache says 50/,
  },
  {
    what: "fallback is off",
    on: "client",
    provoke: (world) => (world.nix.fallback = false),
    check: "fallback",
    level: "failure",
    says: /fallback is off/,
  },
  {
    what: "no connect-timeout",
    on: "client",
    provoke: (world) => (world.nix["connect-timeout"] = 0),
    check: "fallback",
    level: "warning",
    says: /connect-timeout is none/,
  },
  {
    what: "many attempts",
    on: "client",
    provoke: (world) => (world.nix["download-attempts"] = 5),
    check: "fallback",
    level: "warning",
    says: /download-attempts is 5/,
  },
  {
    what: "what is not there is believed for an hour",
    on: "client",
    provoke: (world) => (world.nix["narinfo-cache-negative-ttl"] = 3600),
    check: "fallback",
    level: "warning",
    says: /narinfo-cache-negative-ttl is 3600 s/,
  },
  {
    what: "nix.conf changed since the daemon was started",
    on: "client",
    provoke: (world) => world.age("nix/nix.conf", 60),
    check: "daemon",
    level: "failure",
    says: /nix\.conf was changed 60 s ago, after the daemon was started/,
  },
  {
    what: "an included file changed since the daemon was started",
    on: "client",
    provoke: (world) => {
      world.write("nix/nix.conf", "!include nix-binary-cache.conf\n");
      world.age("nix/nix.conf", 3600);
      world.write("nix/nix-binary-cache.conf", "fallback = true\n");
    },
    check: "daemon",
    level: "failure",
    says: /nix-binary-cache\.conf was changed/,
  },
];

const building: readonly Failure[] = [
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
      [
        "the policy forbids ssh",
        "tailscale: tailnet policy does not permit you to SSH as user nix-push",
        /policy does not let/,
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

const server: readonly Failure[] = [
  {
    what: "populate has never run",
    on: "server",
    provoke: (world) => rmSync(join(world.paths.state, "populate.json")),
    check: "populate",
    level: "warning",
    says: /never run/,
  },
  {
    what: "an output failed",
    on: "server",
    provoke: (world) =>
      world.populate({ finished: ago(hour), outputs: [{ output: "packages.x86_64-linux.hello", status: "failed" }] }),
    check: "populate",
    level: "failure",
    says: /1 of 1 outputs failed 60 min ago: packages/,
  },
  {
    what: "populate could not get the flake",
    on: "server",
    provoke: (world) => world.populate({ finished: ago(hour), problems: ["the flake could not be fetched"] }),
    check: "populate",
    level: "failure",
    says: /could not be fetched/,
  },
  {
    what: "populate was stopped",
    on: "server",
    provoke: (world) => world.populate({ finished: ago(hour), stopped: true }),
    check: "populate",
    level: "warning",
    says: /stopped before its end/,
  },
  {
    what: "populate's timer does not run",
    on: "server",
    provoke: (world) => world.populate({ finished: ago(20 * day) }),
    check: "populate",
    level: "failure",
    says: /20 days ago: its timer does not run/,
  },
  {
    what: "retention has never run",
    on: "server",
    provoke: (world) => rmSync(join(world.paths.state, "retain.json")),
    check: "retain",
    level: "warning",
    says: /never run/,
  },
  {
    what: "what must stay is over the budget",
    on: "server",
    provoke: (world) =>
      world.retain({
        time: ago(hour),
        outcome: "over-budget",
        plan: { keptBytes: 2048, effectiveBudgetBytes: 1024, holders: [{ group: "desktop", bytes: 2000, roots: 1 }] },
      }),
    check: "retain",
    level: "failure",
    says: /must stay is 2\.0 KiB, the budget 1\.0 KiB; most of it is desktop/,
  },
  {
    what: "retention failed",
    on: "server",
    provoke: (world) => world.retain({ time: ago(hour), outcome: "failed", reason: "the collector was killed" }),
    check: "retain",
    level: "failure",
    says: /the collector was killed/,
  },
  {
    what: "retention's timer does not run",
    on: "server",
    provoke: (world) => world.retain({ time: ago(30 * day) }),
    check: "retain",
    level: "failure",
    says: /30 days ago: its timer does not run/,
  },
  {
    what: "the server's disk has less than is kept free",
    on: "server",
    provoke: (world) => (world.config = { ...world.config, limits: { minFreeBytes: "9000TiB" } }),
    check: "server-disk",
    level: "failure",
    says: /no upload is taken/,
  },
];

const onServer = (
  what: string,
  check: string,
  level: Level,
  says: RegExp,
  provoke: (world: World) => void,
): Failure => ({ what, on: "server", provoke, check, level, says });

const secretFile = ({ folder }: World): string => join(folder, "signing", "server-cache-1.secret");
const damage = { path: "/nix/store/x", time: "", problem: "", detail: "", others: [] };

const ownServer: readonly Failure[] = [
  onServer("no signing key", "server-keys", "failure", /server-cache-1\.secret is not there/, (world) =>
    rmSync(secretFile(world)),
  ),
  onServer("a signing key that others can read", "server-keys", "failure", /can be read by others/, (world) =>
    chmodSync(secretFile(world), 0o644),
  ),
  onServer("a damaged signing key", "server-keys", "failure", /is no signing key/, (world) => {
    rmSync(secretFile(world));
    world.write("signing/server-cache-1.secret", "server-cache-1:AAAA");
  }),
  onServer(
    "a signing key that clients do not have",
    "server-keys",
    "failure",
    /not one of the keys that clients trust/,
    (world) => {
      rmSync(secretFile(world));
      world.write("signing/server-cache-1.secret", makeSigningKey("server-cache-1"));
      chmodSync(secretFile(world), 0o400);
    },
  ),
  onServer("facts that were not committed yet", "server-keys", "warning", /does not say yet which keys/, (world) => {
    world.write("signing/server-cache-1.pub", `${world.cache.key.publicKey}\n`);
    world.config = { ...world.config, cache: { ...(world.config?.cache as object), publicKeys: [] } };
  }),
  onServer("no account for uploads", "receiver", "failure", /no account nix-push/, (world) =>
    world.say("getent", { status: 2 }),
  ),
  onServer("an account whose receiver is gone", "receiver", "failure", /\/nix\/gone is not there/, (world) =>
    world.shell("/nix/gone"),
  ),
  onServer("an account that may do anything", "receiver", "failure", /builders can do more than upload/, (world) =>
    world.shell("/bin/sh"),
  ),
  onServer(
    "a builder that was turned away",
    "builders",
    "warning",
    /desktop's last call went wrong: too many paths/,
    (world) => world.audit("desktop", { verb: "announce", outcome: "refused", reason: "too many paths" }),
  ),
  onServer(
    "paths that were announced and never came",
    "builders",
    "warning",
    /desktop announced 1 path 3 days ago/,
    (world) => {
      mkdirSync(join(world.paths.roots, "incoming", "desktop"), { recursive: true });
      const link = join(world.paths.roots, "incoming", "desktop", "x");
      symlinkSync("/nix/store/x", link);
      lutimesSync(link, Date.now() / 1000 - 3 * 86_400, Date.now() / 1000 - 3 * 86_400);
    },
  ),
  onServer("no builders", "builders", "warning", /no builder is registered/, (world) =>
    world.write("state/audit.log", ""),
  ),
  onServer("a path with wrong bytes", "scrub", "failure", /1 path with wrong bytes/, (world) =>
    world.scrub({ findings: [{ ...damage, outcome: "withheld" }] }),
  ),
  onServer("a path that was wrong and then right", "scrub", "warning", /a disk or memory is unsound/, (world) =>
    world.scrub({ findings: [{ ...damage, outcome: "passed" }] }),
  ),
  onServer("a scrub that failed", "scrub", "failure", /failed 60 min ago: no disk/, (world) =>
    world.scrub({ outcome: "failed", reason: "no disk" }),
  ),
  onServer("scrub has never run", "scrub", "warning", /never run/, (world) =>
    rmSync(join(world.paths.state, "scrub.json")),
  ),
  onServer("scrub's timer does not run", "scrub", "warning", /the last whole pass ended 90 days ago/, (world) =>
    world.scrub({ lastWhole: ago(90 * day) }),
  ),
  onServer("a canary that was not served", "canary", "failure", /was not served: the answer is 404/, (world) =>
    world.canary({ at: Date.now() - 1000, problem: "the answer is 404" }),
  ),
  onServer("canaries that are not flown", "canary", "warning", /none was flown yet/, (world) =>
    rmSync(join(world.paths.state, "canary.json")),
  ),
  onServer("canaries that stopped", "canary", "warning", /flown 5 days ago/, (world) =>
    world.canary({ at: Date.now() - 5 * day, seconds: 1 }),
  ),
];

export const failures: readonly Failure[] = [...tailnet, ...serving, ...nix, ...building, ...server, ...ownServer];
