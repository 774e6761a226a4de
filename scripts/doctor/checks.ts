/** Everything that is looked at from the operator's side. */
import { githubCheck, githubSecretsCheck, workflowCheck } from "./github-checks.ts";
import { configCheck, nixVarsCheck, pulumiCheck, secretsCheck } from "./own-checks.ts";
import { cacheCheck, deployedCheck } from "./server-checks.ts";
import { devicesCheck, policyCheck, scopesCheck, tailscaleCheck } from "./tailnet-checks.ts";
import { updateCheck } from "./update.ts";

/** In the order in which things fail. */
export const checks = [
  ...[pulumiCheck, configCheck, secretsCheck, updateCheck, nixVarsCheck],
  ...[tailscaleCheck, scopesCheck, devicesCheck, policyCheck],
  ...[githubCheck, githubSecretsCheck, workflowCheck],
  ...[cacheCheck, deployedCheck],
];
