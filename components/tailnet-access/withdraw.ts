/**
 * `node components/tailnet-access/withdraw.ts`, run by `pulumi destroy`, which does not run the program.
 *
 * NIX_BINARY_CACHE_TAG names the stack's first tag. Credentials come from the environment of the destroy, as the
 * provider's do, and are kept nowhere. Exits 1 with one message when the entries could not be taken out.
 */
import { policyApi } from "./api.ts";
import { accessFromEnv, credentialAdvice, TailscaleError } from "./credentials.ts";
import { PolicyError } from "./entries.ts";
import { withdrawEntries } from "./withdrawal.ts";

const tag = process.env.NIX_BINARY_CACHE_TAG ?? "";

try {
  if (!/^tag:[A-Za-z0-9-]+$/.test(tag)) throw new PolicyError(`NIX_BINARY_CACHE_TAG: found "${tag}", expected a tag.`);
  const access = accessFromEnv(process.env);
  if (access === undefined) {
    throw new TailscaleError(
      `There are no credentials to take ${tag} out of the tailnet's policy. ${credentialAdvice}`,
    );
  }
  for (const line of await withdrawEntries(policyApi(access), tag)) console.log(line);
} catch (error) {
  if (!(error instanceof PolicyError || error instanceof TailscaleError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
