/** A stack as the tests of the modules have it: its configuration, and the facts that machines read of it. */
import { nixVars } from "../../components/client-settings/client-settings.ts";
import { parseConfig } from "../../components/config.ts";

export const hostKey = `ssh-ed25519 ${"A".repeat(68)}`;
export const publicKeys = [`server-cache-2:${"B".repeat(43)}=`, `server-cache-1:${"A".repeat(43)}=`];

/** Values that are all other than the defaults, so that a default in their place is noticed. */
export const config = parseConfig(
  {
    server: { name: "attic", address: "100.64.0.10", hostKey, sshPort: 2222, flake: "github:alice/nixos-config" },
    cache: { port: 5500, priority: 55, connectTimeoutSeconds: 3, downloadAttempts: 2, narinfoNegativeTtlSeconds: 30 },
    signing: { keys: ["server-cache-2", "server-cache-1"], directory: "/var/lib/secrets/cache" },
    builders: [
      { name: "macbook", system: "aarch64-darwin", ...keysOf("macbook", "C") },
      { name: "quiet", system: "x86_64-linux", hook: false, ...keysOf("quiet", "D") },
    ],
    populate: { schedule: "hourly", memoryMax: "4GiB", timeoutMinutes: 30, lock: "update" },
    retention: { diskBudget: "200GiB", minFree: "20GiB", keepSystems: 7, keepPackages: 2, keepDays: 10 },
    uploads: { maxPathBytes: "1GiB", exclude: ["*-secret-*"], batchPaths: 50 },
  },
  new Set(),
  "test",
);

/** As nix/vars/<stack>.json has them. */
export const vars = nixVars("test", config, "http://100.64.0.10:5500", publicKeys);

function keysOf(name: string, letter: string): { readonly sshKey: string; readonly signingKey: string } {
  return { sshKey: `ssh-ed25519 ${letter.repeat(68)}`, signingKey: `${name}-1:${letter.repeat(43)}=` };
}
