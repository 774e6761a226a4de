/** Breakages of the server itself, and in what its jobs left behind. */
import {
  ago,
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
  type Saying,
  STATE,
} from "./breakage.ts";

const on = "server";
const warning = "warning";
const SECRET = "/var/lib/secrets/nix-binary-cache/server-cache-1.secret";
const otherKey = `server-cache-1:${"A".repeat(43)}=`;

type Rest = Partial<Pick<Saying, "level" | "also">>;

const here =
  (check: string) =>
  (what: string, change: Change, says: RegExp, rest: Rest = {}): Breakage => ({
    what,
    on,
    check,
    says,
    ...rest,
    ...change,
  });

const [keys, receiver, builders, populate] = ["server-keys", "receiver", "builders", "populate"].map(here) as [
  Here,
  Here,
  Here,
  Here,
];
const [retain, scrub, canary] = ["retain", "scrub", "canary"].map(here) as [Here, Here, Here];
type Here = ReturnType<typeof here>;

const shell = (program: string): Change =>
  edited(on, "/etc/passwd", (text) => text.replace(/^(nix-push:.*:)[^:]+$/m, `$1${program}`));

const record = (name: string, changes: object): Change =>
  editedJson(on, `${STATE}/${name}.json`, (known) => ({ ...known, ...changes }));

const finding = (outcome: string): object => ({
  path: "/nix/store/x",
  time: ago(hour),
  problem: "",
  detail: "",
  others: [],
  outcome,
});

/** Populate is off in the lab: on, with what its last run came to. */
const populated = (result: object): Change =>
  both(
    configured((config) => ({ ...config, populate: { ...(config.populate as object), enabled: true } })),
    edited(on, `${STATE}/populate/populate.json`, () =>
      JSON.stringify({ version: 1, host: on, flake: "f", problems: [], stopped: false, outputs: [], ...result }),
    ),
  );

/** What a job says by itself, with other settings; its record is put back. */
const ran = (
  verb: readonly string[],
  settings: (config: Record<string, unknown>) => Record<string, unknown>,
  name: string,
): Change => {
  const config = configured(settings);
  return {
    breaks: async (world) => {
      await world.machines.server.run(["cp", "-a", `${STATE}/${name}.json`, `${STATE}/${name}.json.kept`]);
      await config.breaks(world);
      await world.machines.server.run(["cachectl", ...verb]);
    },
    mends: async (world) => {
      await config.mends(world);
      await world.machines.server.must(["mv", "-f", `${STATE}/${name}.json.kept`, `${STATE}/${name}.json`]);
    },
  };
};

/** What the Mac's uploader tells of its queue. */
const tells =
  (queue: object): Change["breaks"] =>
  ({ machines: { macbook } }) =>
    macbook.must(["ssh", "-F", `${STATE}/ssh/config`, "-T", "nix-binary-cache", "status"], {
      stdin: JSON.stringify({ queue }),
    });

export const serverBreakages: readonly Breakage[] = [
  keys("no signing key", away(on, SECRET), /server-cache-1\.secret is not there: nothing can be signed/),
  keys(
    "a signing key that others can read",
    commands(on, ["chmod", "644", SECRET], ["chmod", "400", SECRET]),
    /can be read by others/,
  ),
  keys(
    "a damaged signing key",
    edited(on, SECRET, (text) => text.slice(0, 30), 0o400),
    /is no signing key/,
  ),
  keys(
    "a signing key that clients do not have",
    configured((config) => ({ ...config, cache: { ...(config.cache as object), publicKeys: [otherKey] } })),
    /is not one of the keys that clients trust/,
    { also: ["path"] },
  ),
  keys(
    "facts that were not committed yet",
    configured((config) => config),
    /does not say yet which keys/,
    { level: warning },
  ),
  receiver(
    "no account for uploads",
    edited(on, "/etc/passwd", (text) => text.replace(/^nix-push:.*\n/m, "")),
    /no account nix-push/,
  ),
  receiver("an account whose receiver is gone", shell("/nix/gone"), /login shell \/nix\/gone is not there/),
  receiver("an account that nobody can use", shell("/usr/sbin/nologin"), /nologin for a shell: nobody can upload/),
  receiver("an account with a shell of the usual kind", shell("/bin/sh"), /builders can do more than upload/),
  builders(
    "no builders",
    both(away(on, `${STATE}/builders`), away(on, `${STATE}/audit.log`)),
    /no builder is registered/,
    { level: warning },
  ),
  builders(
    "paths that were announced and never came",
    commands(
      on,
      [
        "sh",
        "-c",
        'mkdir -p "$1" && ln -sfn /nix/store/x "$1/x" && touch -h -d "3 days ago" "$1/x"',
        "sh",
        "/nix/var/nix/gcroots/nix-binary-cache/incoming/macbook",
      ],
      ["rm", "/nix/var/nix/gcroots/nix-binary-cache/incoming/macbook/x"],
    ),
    /macbook announced 1 path 3 days ago/,
    { level: warning },
  ),
  builders(
    "a builder whose queue stands still",
    { breaks: tells({ entries: 3, oldestSeconds: 180_000 }), mends: tells({ entries: 0 }) },
    /^on macbook 3 in the queue, the oldest for 2 days \(told \d+ s ago\)$/,
    { level: warning },
  ),
  builders(
    "a builder that asks for what it may not",
    {
      breaks: ({ machines: { macbook } }) =>
        macbook.run(["ssh", "-F", `${STATE}/ssh/config`, "-T", "nix-binary-cache", "id"]),
      mends: ({ machines: { macbook } }) => macbook.must(["cachectl", "doctor", "ssh"]),
    },
    /macbook's last call went wrong: "id" is refused/,
    { level: warning },
  ),
  populate(
    "populate has never run",
    both(populated({}), away(on, `${STATE}/populate/populate.json`)),
    /has never run/,
    { level: warning },
  ),
  populate(
    "an output that does not build",
    populated({ finished: ago(hour), outputs: [{ output: "packages.x86_64-linux.hello", status: "failed" }] }),
    /1 of 1 outputs failed \d+ min ago: packages/,
  ),
  populate(
    "a flake that can't be fetched",
    populated({ finished: ago(hour), problems: ["the flake could not be fetched"] }),
    /could not be fetched/,
  ),
  populate("populate was stopped", populated({ finished: ago(hour), stopped: true }), /stopped before its end/, {
    level: warning,
  }),
  populate(
    "populate's timer does not run",
    populated({ finished: ago(20 * day) }),
    /20 days ago: its timer does not run/,
  ),
  retain("retention has never run", away(on, `${STATE}/retain.json`), /has never run/, { level: warning }),
  retain(
    "a budget that is too small for what must stay",
    ran(
      ["retain"],
      (config) => ({ ...config, retention: { ...(config.retention as object), diskBudget: "1KiB" } }),
      "retain",
    ),
    /what must stay is .* the budget 1\.0 KiB; most of it is/,
  ),
  retain(
    "retention failed",
    record("retain", { outcome: "failed", reason: "the collector was killed", time: ago(hour) }),
    /failed \d+ min ago: the collector/,
  ),
  retain(
    "retention's timer does not run",
    record("retain", { time: ago(30 * day) }),
    /30 days ago: its timer does not run/,
  ),
  scrub("scrub has never run", away(on, `${STATE}/scrub.json`), /has never run/, { level: warning }),
  scrub(
    "wrong bytes that could not be mended",
    record("scrub", { findings: [finding("withheld")] }),
    /1 path with wrong bytes/,
  ),
  scrub(
    "bytes that were wrong and then right",
    record("scrub", { findings: [finding("passed")] }),
    /disk or memory is unsound/,
    { level: warning },
  ),
  scrub(
    "a scrub that failed",
    record("scrub", { outcome: "failed", reason: "no disk", updated: ago(hour) }),
    /failed \d+ min ago: no disk/,
  ),
  scrub("scrub's timer does not run", record("scrub", { lastWhole: ago(90 * day) }), /ended 90 days ago/, {
    level: warning,
  }),
  canary("canaries were never flown", away(on, `${STATE}/canary.json`), /none was flown yet/, { level: warning }),
  canary(
    "a canary that was not served",
    edited(on, `${STATE}/canary.json`, () => JSON.stringify([{ at: Date.now() - hour, problem: "the answer is 404" }])),
    /was not served: the answer is 404/,
  ),
  canary(
    "canaries that stopped",
    edited(on, `${STATE}/canary.json`, () => JSON.stringify([{ at: Date.now() - 5 * day, seconds: 1 }])),
    /flown 5 days ago/,
    { level: warning },
  ),
];
