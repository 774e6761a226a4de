import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import type { Pair } from "../cachectl/upload-pair.ts";

const hook = join(import.meta.dirname, "../../nix/hook/upload-hook.sh");
const clock = join(import.meta.dirname, "write-path-hooks.sh");
const state = "var/lib/nix-binary-cache";
const roots = "nix/var/nix/gcroots/nix-binary-cache";

/** Milliseconds of each of `count` runs of the hook, the start of its process included, as Nix waits for it. */
export function hookTimes(pair: Pair, count: number): number[] {
  const { root } = pair.builder;
  const env = {
    NIX_BINARY_CACHE_STATE: join(root, state),
    NIX_BINARY_CACHE_ROOTS: join(root, roots),
    NIX_BINARY_CACHE_NEXT_HOOK: "",
  };
  const input = pair
    .buildOnly(count)
    .map((path) => `${path}\n`)
    .join("");
  const { status, stdout, stderr } = spawnSync("bash", [clock, hook], { env, input, encoding: "utf8" });
  const times = stdout.trim().split("\n");
  if (status !== 0 || times.length !== count) throw new Error(`the hook ended with ${String(status)}: ${stderr}`);
  return times.map((microseconds) => Number(microseconds) / 1000);
}

const program = `set -f
while read -r OUT_PATHS; do nix copy --to ssh://server $OUT_PATHS </dev/null; done`;

/** Seconds that the proposal's hook takes for all of these builds, one after another, as Nix runs it. */
export function proposalTime(pair: Pair, paths: readonly string[]): number {
  allowRoot(pair);
  const start = performance.now();
  const input = paths.map((path) => `${path}\n`).join("");
  const { status, stderr } = pair.builder.run(["sh", "-c", program], input, 1800_000);
  const seconds = (performance.now() - start) / 1000;
  const ask = ["nix-store", "--check-validity", "--print-invalid", ...paths];
  if (status !== 0 || pair.server.must(ask) !== "") throw new Error(`the proposal's hook failed: ${stderr}`);
  return seconds;
}

/** The proposal's `ssh://server` is root at both ends. */
function allowRoot(pair: Pair): void {
  const { builder, server, serverSettings } = pair;
  const identity = join(builder.root, "root/.ssh/id_ed25519");
  const { host, port, hostKey } = serverSettings;
  builder.write("/root/.ssh/config", `Host server\n  HostName ${host}\n  Port ${port}\n  HostKeyAlias server\n`);
  builder.write("/root/.ssh/known_hosts", `server ${hostKey}\n`);
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", identity], { timeout: 10_000 });
  server.write("/root/.ssh/authorized_keys", builder.read("/root/.ssh/id_ed25519.pub"), 0o600);
}
