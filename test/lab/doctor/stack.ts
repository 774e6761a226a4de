/** Breakages of what the stack needs outside its machines, and `npm run doctor` on the lab's stack. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Finding, Level } from "../../../nix/cachectl/doctor/finding.ts";
import type { DoctorReport } from "../../../nix/cachectl/doctor/report.ts";
import { engineFolders, operationEnvironment } from "../engine/environment.ts";
import { findEngine } from "../engine/find.ts";
import { run } from "../machines/process.ts";
import { readPolicy, REPOSITORY, writePolicy } from "../world/stand-ins.ts";
import { operatorEnvironment, type World } from "../world/world.ts";
import { type Change, commands, unchanged } from "./breakage.ts";

/** What is broken, and what `npm run doctor` must say. */
export interface StackBreakage extends Change {
  readonly what: string;
  readonly check: string;
  readonly level: Level;
  readonly says: RegExp;
  /** In place of the operator's own. */
  readonly env?: Readonly<Record<string, string>>;
  /** @default "lab" */
  readonly stack?: string;
}

/** The findings of the checks named, and of those that they need; of all of them without a name. */
export async function stackDoctor(
  world: World,
  names: readonly string[] = [],
  { env = {}, stack = "lab" }: Pick<StackBreakage, "env" | "stack"> = {},
): Promise<readonly Finding[]> {
  const { instance, secrets } = world;
  const folders = engineFolders(instance.dir);
  const { path } = await findEngine(() => undefined);
  const own = operationEnvironment(folders, path, secrets.passphrase, operatorEnvironment(world));
  const argv = [process.execPath, join(process.cwd(), "scripts/doctor.ts"), "--stack", stack, "--json", ...names];
  const { stdout, stderr } = await run(argv, { env: { ...own, ...env }, cwd: folders.work, timeoutSeconds: 110 });
  if (stdout === "") throw new Error(stderr);
  return (JSON.parse(stdout) as DoctorReport).findings;
}

const failure = "failure";
const warning = "warning";

const asked = (what: string, check: string, says: RegExp, given: Partial<StackBreakage>): StackBreakage => ({
  ...{ what, check, level: failure, says, ...unchanged, ...given },
});

const opened: Change = {
  breaks: async (world) => {
    kept.set(world, await readPolicy(world));
    await writePolicy(world, '{"acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}]}');
  },
  mends: (world) => writePolicy(world, kept.get(world) ?? ""),
};
const kept = new WeakMap<World, string>();

const otherFacts: Change = {
  breaks: ({ instance }) => {
    const folder = join(engineFolders(instance.dir).work, "nix/vars");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "lab.json"), '{"stack": "lab"}');
    return Promise.resolve();
  },
  mends: ({ instance }) => {
    rmSync(join(engineFolders(instance.dir).work, "nix"), { recursive: true });
    return Promise.resolve();
  },
};

/** Somebody takes something away at GitHub; only an update puts it there again. */
function takenAway(path: string): Change {
  return {
    breaks: async ({ standIns, secrets }) => {
      const headers = { authorization: `Bearer ${secrets.githubToken}`, accept: "application/vnd.github+json" };
      const url = `${standIns.github}api/v3/repos/${REPOSITORY}/${path}`;
      const { status } = await fetch(url, { method: "DELETE", headers, signal: AbortSignal.timeout(10_000) });
      if (status !== 204) throw new Error(`the stand-in of GitHub answers ${status} to DELETE ${path}`);
    },
    mends: () => Promise.resolve(),
  };
}

const unit = (name: string): Change => commands("server", ["systemctl", "stop", name], ["systemctl", "start", name]);

export const stackBreakages: readonly StackBreakage[] = [
  asked("no such stack", "pulumi", /no stack named/, { stack: "nowhere" }),
  asked("no credential for Tailscale", "tailscale", /no credential for Tailscale/, { env: { TAILSCALE_API_KEY: "" } }),
  asked("a credential that Tailscale does not know", "tailscale", /refused the credential \(401/, {
    env: { TAILSCALE_API_KEY: "tskey-api-gone" },
  }),
  asked("no token for GitHub", "github", /GITHUB_TOKEN: not set/, { env: { GITHUB_TOKEN: "" } }),
  asked("a token that GitHub does not know", "github", /401/, { env: { GITHUB_TOKEN: "ghp_gone" } }),
  asked("a policy that opens everything", "policy", /Tailscale refuses the policy with this stack's entries/, opened),
  asked("facts that are not the stack's", "nix-vars", /is not what the stack says/, { ...otherFacts, level: warning }),
  asked("a cache that does not answer", "cache", /ECONNREFUSED/, unit("nginx")),
  asked("a server without ssh", "deployed", /it cannot be reached/, unit("ssh")),
  asked(
    "a secret that GitHub has no more",
    "ci-secrets",
    /GitHub does not have NIX_CACHE_SIGNING_KEY/,
    takenAway("environments/nix-cache/secrets/NIX_CACHE_SIGNING_KEY"),
  ),
];
