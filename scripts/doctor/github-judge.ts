/** What GitHub holds, against what the stack says. Pure. */
import { secretNames, variableNames } from "../../components/ci-publisher/names.ts";
import type { compareWorkflow } from "../../components/ci-publisher/workflow.ts";
import type { StackConfig } from "../../components/config.ts";
import { failure, ok, type Verdict, warning } from "../../nix/cachectl/doctor/finding.ts";

/** What the workflow reads. A variable without a value is one that only Tailscale knows. */
export interface WantedInGithub {
  readonly secrets: readonly string[];
  readonly variables: ReadonlyMap<string, string | undefined>;
}

export function wantedInGithub(
  auth: StackConfig["ci"]["auth"],
  server: StackConfig["server"],
  cacheUrl: string,
  publicKeys: readonly string[],
): WantedInGithub {
  const byClient = auth === "oauth-client";
  return {
    secrets: [
      secretNames.signingKey,
      ...(server.ssh === "openssh" ? [secretNames.sshKey] : []),
      ...(byClient ? [secretNames.clientId, secretNames.clientSecret] : []),
    ],
    variables: new Map<string, string | undefined>([
      [variableNames.cacheUrl, cacheUrl],
      [variableNames.publicKeys, publicKeys.join(" ")],
      [variableNames.server, server.address],
      [variableNames.sshPort, String(server.sshPort)],
      [variableNames.hostKey, server.hostKey],
      [variableNames.tag, undefined],
      ...(byClient
        ? []
        : ([
            [variableNames.clientId, undefined],
            [variableNames.audience, undefined],
          ] as const)),
    ]),
  };
}

export function judgeHeld(
  wanted: WantedInGithub,
  secrets: readonly string[],
  variables: ReadonlyMap<string, string>,
  mend: string,
): Verdict {
  const missing = [
    ...wanted.secrets.filter((name) => !secrets.includes(name)),
    ...[...wanted.variables.keys()].filter((name) => !variables.has(name)),
  ];
  if (missing.length > 0) return failure(`GitHub does not have ${missing.join(", ")}: CI can't publish`, mend);
  const [other] = [...wanted.variables].filter(([name, value]) => value !== undefined && variables.get(name) !== value);
  if (other !== undefined) {
    return warning(
      `${other[0]} is ${JSON.stringify(variables.get(other[0]))} at GitHub, the stack says ${JSON.stringify(other[1])}`,
      mend,
    );
  }
  return ok(`${wanted.secrets.length} secrets and ${wanted.variables.size} variables are there`);
}

export function judgeWorkflow(
  state: ReturnType<typeof compareWorkflow>,
  where: string,
  kind: "managed" | "rendered",
  stack: string,
): Verdict {
  const mend =
    kind === "managed"
      ? `pulumi up --refresh --stack ${stack}`
      : `npm run workflow -- --stack ${stack} --into CHECKOUT, then commit it`;
  if (state === "same") return ok(`${where} is the stack's`);
  if (state === "missing") return failure(`${where} is not there: nothing is published from CI`, mend);
  if (state === "differs") return warning(`${where} is another one than the stack's`, mend);
  return failure(`${where} was not written by this program`, "move it away, or set another ci.environment");
}
