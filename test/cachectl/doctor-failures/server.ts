/** On the server itself. */
import { chmodSync, lutimesSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { makeSigningKey } from "../../../nix/cachectl/keys/signing-key.ts";
import { type World } from "../doctor-world.ts";
import { type Failure, day, ago } from "./failure.ts";
import { type Level } from "../../../nix/cachectl/doctor/finding.ts";

const onServer = (
  what: string,
  check: string,
  level: Level,
  says: RegExp,
  provoke: (world: World) => void,
): Failure => ({ what, on: "server", provoke, check, level, says });

const secretFile = ({ folder }: World): string => join(folder, "signing", "server-cache-1.secret");
const damage = { path: "/nix/store/x", time: "", problem: "", detail: "", others: [] };

export const server: readonly Failure[] = [
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
  onServer("a Tailscale SSH that serves files", "receiver", "failure", /without TS_SSH_DISABLE_SFTP=true$/, (world) => {
    world.config = { ...world.config, server: { ...(world.config?.server as object), ssh: "tailscale" } };
    world.say("systemctl-show", { out: "PORT=41641 TS_SSH_DISABLE_FORWARDING=true\n" });
  }),
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
