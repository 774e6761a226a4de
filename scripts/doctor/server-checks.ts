/** The server: what it runs, what it should run, and whether it answers from here. */
import { inspectServer, type Inspection } from "../../components/cache-server/index.ts";
import { judgeCacheInfo } from "../../nix/cachectl/doctor/checks/cache-info.ts";
import type { Diagnosable } from "../../nix/cachectl/doctor/check.ts";
import { get } from "../../nix/cachectl/doctor/facts/cache-info.ts";
import { failure, ok, warning, type Verdict } from "../../nix/cachectl/doctor/finding.ts";
import { plural } from "../../nix/cachectl/doctor/show.ts";
import { outputs, secretValue, settings, type StackContext } from "./stack.ts";

type StackCheck = Diagnosable<StackContext>;

export const cacheCheck: StackCheck = {
  name: "cache",
  needs: ["config", "update"],
  timeout: 20_000,
  run: async (context, stop) => {
    const [{ config }, { cacheUrl }] = [await settings(context), await outputs(context)];
    if (cacheUrl === undefined)
      return failure("the stack has no output cacheUrl", `pulumi up --stack ${context.stack}`);
    try {
      return judgeCacheInfo(await get(`${cacheUrl}/nix-cache-info`, stop), config.cache.priority, "/nix/store");
    } catch (error) {
      return failure((error as Error).message, `node nix/cachectl/main.ts doctor --url ${cacheUrl} shows which hop`);
    }
  },
};

/** The server evaluates its flake for this, which takes it some ten to sixty seconds. */
export const deployedCheck: StackCheck = {
  name: "deployed",
  needs: ["config", "update"],
  timeout: 180_000,
  run: async (context) => {
    const [{ config }, { toplevel }] = [await settings(context), await outputs(context)];
    const { name, address, sshPort: port, user, hostKey, flake, configuration } = config.server;
    const privateKey = await secretValue(context, "deployKey");
    try {
      const target = { name, address, port, user, hostKey };
      const inspection = await inspectServer({ target, privateKey, flake, configuration, timeoutSeconds: 150 });
      return judgeDeployed(inspection, toplevel, `pulumi up --stack ${context.stack}`);
    } catch (error) {
      return failure((error as Error).message, "mend what it says, then: npm run doctor -- deployed");
    }
  },
};

/** `deployed`: the system that the last update put there. */
export function judgeDeployed(
  { current, outPath, revision, builds }: Inspection,
  deployed: string | undefined,
  mend: string,
): Verdict {
  const at = revision === "" ? "" : ` (revision ${revision.slice(0, 12)})`;
  if (current === "") return failure("the server runs no NixOS system of its own profile", mend);
  if (current === outPath) return ok(`the server runs what its flake says${at}`);
  if (deployed !== undefined && current !== deployed) {
    return warning(
      `the server runs ${current.slice(11)}, which this stack did not deploy`,
      `${mend}; or nixos-rebuild there was meant so`,
    );
  }
  return warning(`the flake has moved on${at}: ${plural(builds, "derivation")} to build`, mend);
}
