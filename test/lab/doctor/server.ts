/** Breakages of the server itself: its keys, the account for uploads, what builders do there. */
import { away, both, type Breakage, type Change, commands, configured, edited, onServer, STATE } from "./breakage.ts";

const on = "server";
const warning = "warning";
const SECRET = "/var/lib/secrets/nix-binary-cache/server-cache-1.secret";
const otherKey = `server-cache-1:${"A".repeat(43)}=`;

const [keys, receiver, builders] = [onServer("server-keys"), onServer("receiver"), onServer("builders")];

const shell = (program: string): Change =>
  edited(on, "/etc/passwd", (text) => text.replace(/^(nix-push:.*:)[^:]+$/m, `$1${program}`));

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
  receiver(
    "a Tailscale SSH that serves files",
    configured((config) => ({ ...config, server: { ...(config.server as object), ssh: "tailscale" } })),
    /Tailscale SSH lets builders past nix-push's login shell/,
  ),
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
];
