/** Breakages of Nix's settings and of its daemon. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Breakage, commands, edited, NIX_CONF, type Saying } from "./breakage.ts";

const on = "macbook";

/** The daemon, too, is then found to be older than its settings: rightly. */
const settings = (
  what: string,
  from: RegExp,
  to: string,
  { check, says, level }: Pick<Saying, "check" | "says" | "level">,
): Breakage => ({
  what,
  on,
  ...edited(on, NIX_CONF, (text) => text.replace(from, to)),
  check,
  says,
  ...(level && { level }),
  also: ["daemon"],
});

const fallback = (what: string, from: RegExp, to: string, says: RegExp): Breakage =>
  settings(what, from, to, { check: "fallback", says, level: "warning" });

/** Nix notes a cache's priority, and believes it for a week. */
const note = (priority: number): readonly string[] => [
  "sqlite3",
  "/root/.cache/nix/binary-cache-v6.sqlite",
  `update BinaryCaches set priority = ${priority}`,
];

export const nixBreakages: readonly Breakage[] = [
  settings(
    "a key that this machine does not trust",
    /^extra-trusted-public-keys = .*$/m,
    "extra-trusted-public-keys =",
    {
      check: "signing-key",
      says: /signed by server-cache-1\b.*; trusted here: cache\.nixos\.org-1$/,
    },
  ),
  settings("signatures are not asked for", /$/, "require-sigs = false\n", {
    check: "signing-key",
    says: /require-sigs is false/,
    level: "warning",
  }),
  settings("the cache is no substituter", /^extra-substituters = .*$/m, "", {
    check: "substituters",
    says: /Nix does not ask http/,
  }),
  settings("ours is asked first", /^(extra-substituters)/m, "substituters = https://cache.nixos.org?priority=60\n$1", {
    check: "substituters",
    says: /ours before the public one/,
    level: "warning",
  }),
  settings("fallback is off", /^fallback = true$/m, "fallback = false", { check: "fallback", says: /fallback is off/ }),
  {
    what: "Nix believes a priority that the cache has no more",
    on,
    ...commands(on, note(30), note(50)),
    check: "substituters",
    level: "warning",
    says: /still believes priority 30 \(noted .* ago\), the cache says 50/,
  },
  fallback("no connect-timeout", /^connect-timeout = .*$/m, "connect-timeout = 0", /connect-timeout is none/),
  fallback("many attempts", /^download-attempts = .*$/m, "download-attempts = 5", /download-attempts is 5/),
  fallback(
    "what is not there is believed for an hour",
    /^narinfo-cache-negative-ttl = .*$/m,
    "narinfo-cache-negative-ttl = 3600",
    /narinfo-cache-negative-ttl is 3600 s/,
  ),
  {
    what: "settings changed since the daemon was started",
    on,
    breaks: async (world) => {
      await sleep(2500);
      await edited(on, NIX_CONF, (text) => `${text}\n`).breaks(world);
    },
    mends: (world) => edited(on, NIX_CONF, (text) => text).mends(world),
    check: "daemon",
    says: /nix-binary-cache\.conf was changed \d+ s ago, after the daemon was started/,
  },
];
