/** The tailnet: who asks, what they may, and whether the policy has what this stack put in. */
import { z } from "zod";
import { authorize, policyApi } from "../../components/tailnet-access/api.ts";
import {
  accessFromEnv,
  credentialAdvice,
  type TailscaleAccess,
  TailscaleError,
} from "../../components/tailnet-access/credentials.ts";
import { policyDiff } from "../../components/tailnet-access/diff.ts";
import { explainDenials } from "../../components/tailnet-access/explain.ts";
import type { StackConfig } from "../../components/config.ts";
import { nameOfStack } from "../../components/stack-name.ts";
import { policySettings } from "../../components/tailnet-access/index.ts";
import { findDevice } from "../../components/tailnet-access/machines.ts";
import { merge } from "../../components/tailnet-access/merge.ts";
import { buildPolicy } from "../../components/tailnet-access/policy.ts";
import { ask } from "../../components/tailnet-access/request.ts";
import type { Diagnosable } from "../../nix/cachectl/doctor/check.ts";
import { failure, ok, warning, type Verdict } from "../../nix/cachectl/doctor/finding.ts";
import { grantedScopes, judgeScopes, neededScopes } from "./scopes.ts";
import { settings, type StackContext } from "./stack.ts";

type StackCheck = Diagnosable<StackContext>;

const timeout = 20_000;
const patience = { timeoutMs: 6000, patienceMs: 12_000 };

/** Where a credential is made, and given scopes. */
const credentialsPage = "https://login.tailscale.com/admin/settings/trust-credentials";

const noCredential = "there is no credential for Tailscale in the environment";

function accessOf({ env }: StackContext): TailscaleAccess {
  const access = accessFromEnv(env);
  if (access === undefined) throw new TailscaleError(noCredential);
  return { ...access, ...patience };
}

export const tailscaleCheck: StackCheck = {
  name: "tailscale",
  timeout,
  run: async (context) => {
    try {
      const access = accessOf(context);
      await authorize(access);
      await policyApi(access).read();
      const kind = {
        "api-key": "an API key",
        "oauth-client": "an OAuth client",
        "identity-token": "workload identity",
      };
      return ok(`${kind[access.credential.kind]}, which may read the policy`);
    } catch (error) {
      return failure((error as Error).message, mendCredential(error));
    }
  },
};

function mendCredential(error: unknown): string {
  if ((error as Error).message === noCredential) return credentialAdvice;
  const status = error instanceof TailscaleError ? error.status : undefined;
  if (status === 401) return `make a new credential (${credentialsPage}) and set it in the environment`;
  if (status === 403) return `give the credential the scope policy_file: ${credentialsPage}`;
  return "npm run doctor -- tailscale, once that is mended";
}

export const scopesCheck: StackCheck = {
  name: "scopes",
  needs: ["config", "tailscale"],
  timeout,
  run: async (context) => {
    const { config } = await settings(context);
    const mend = `give the credential the scopes that it lacks: ${credentialsPage}`;
    return judgeScopes(await grantedScopes(accessOf(context)), neededScopes(config), mend);
  },
};

const devicesSchema = z.object({
  devices: z.array(
    z.object({
      hostname: z.string(),
      name: z.string(),
      addresses: z.array(z.string()),
      tags: z.array(z.string()).optional(),
    }),
  ),
});

export const devicesCheck: StackCheck = {
  name: "devices",
  needs: ["config", "tailscale"],
  timeout,
  run: async (context) => {
    const [{ config }, access] = [await settings(context), accessOf(context)];
    const path = `tailnet/${encodeURIComponent(access.tailnet)}/devices`;
    const headers = { authorization: await authorize(access), accept: "application/json" };
    let answer;
    try {
      answer = await ask(access, { method: "GET", path, headers, repeatable: true, scope: "devices:core:read" });
    } catch (error) {
      return failure((error as Error).message, `give the credential the scope devices:core:read: ${credentialsPage}`);
    }
    const { devices } = devicesSchema.parse(JSON.parse(answer.text));
    return judgeDevices(devices, config.server, config.tailnet.tags.cache);
  },
};

/** The server must be on the tailnet at its address, and have the tag that every rule is about. */
export function judgeDevices(
  devices: z.output<typeof devicesSchema>["devices"],
  server: Pick<StackConfig["server"], "name" | "address">,
  tag: string,
): Verdict {
  const { name } = server;
  const device = findDevice(devices, server);
  if (typeof device === "string")
    return failure(
      device,
      "set server.address to what `tailscale ip -4` says on the server, or there: sudo tailscale up",
    );
  if (device.tags?.includes(tag) !== true) {
    return failure(
      `${name} has not the tag ${tag}: nobody is let in`,
      `on the server: sudo tailscale up --advertise-tags ${tag} (or tailnet.tagServer: true)`,
    );
  }
  return ok(`${name} is there, as ${tag}`);
}

export const policyCheck: StackCheck = {
  name: "policy",
  needs: ["config", "tailscale"],
  timeout,
  run: async (context) => {
    const { config } = await settings(context);
    const entries = buildPolicy(policySettings({ config, stack: nameOfStack(context.stack) }));
    const api = policyApi(accessOf(context));
    const live = await api.read();
    const merged = merge(live.text, entries);
    const verdict = await api.validate(merged);
    if (!verdict.accepted) {
      const [rule] = explainDenials(live.text, entries);
      return failure(
        `Tailscale refuses the policy with this stack's entries: ${verdict.details[0] ?? verdict.message}${rule === undefined ? "" : `; because ${rule}`}`,
        "narrow that rule, or: pulumi config set --path tailnet.policy.requireDeny false",
      );
    }
    return judgeDrift(policyDiff(live.text, merged), `pulumi up --stack ${context.stack}`);
  },
};

/** `diff`: what an update would change; lines that begin with a sign are what is missing, or too much. */
export function judgeDrift(diff: string, mend: string): Verdict {
  if (diff === "") return ok("this stack's entries are in force as they should be");
  const changed = diff.split("\n").filter((line) => /^[+-]/.test(line));
  const [first = ""] = changed;
  return warning(
    `${changed.length} lines of this stack's entries are not as they should be, such as ${first.slice(0, 120)}`,
    mend,
  );
}
