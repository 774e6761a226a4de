/** Everything about the tailnet's policy that is settled before a resource is declared. */
import * as pulumi from "@pulumi/pulumi";
import { type LivePolicy, type PolicyApi, policyApi, type Verdict } from "./api.ts";
import { accessFromEnv, credentialAdvice, type TailscaleAccess, TailscaleError } from "./credentials.ts";
import { policyDiff } from "./diff.ts";
import { parsePolicy } from "./document.ts";
import { type PolicyEntries, PolicyError } from "./entries.ts";
import { explainDenials } from "./explain.ts";
import { merge } from "./merge.ts";
import { buildPolicy, type PolicySettings, uploadUser } from "./policy.ts";
import { rulesWithEnvironment } from "./ssh-environment.ts";

/** The policy that was read and the one to be declared. */
export interface PolicyPlan {
  readonly entries: PolicyEntries;
  readonly live: LivePolicy;
  /** The live policy with our entries; the same text where they are in it already. */
  readonly text: string;
  readonly api: PolicyApi;
}

/** What to declare. */
export interface TailnetPlan {
  readonly tags: PolicySettings["tags"];
  readonly policy: PolicyPlan;
}

/**
 * Reads the tailnet's policy, merges ours into it, has Tailscale try the result, and shows in a preview what changes.
 * Nothing is changed anywhere. Credentials are needed in a preview too: without any the provider itself refuses to start.
 *
 * @throws TailscaleError when there are no credentials, or Tailscale can't be asked
 * @throws PolicyError when the policy can't be merged with, or Tailscale refuses the result; with the rules that are why
 */
export async function prepareTailnetAccess(
  settings: PolicySettings,
  env: NodeJS.ProcessEnv = process.env,
): Promise<TailnetPlan> {
  const { tags } = settings;
  const access = accessFromEnv(env);
  if (access === undefined) throw new TailscaleError(`There are no credentials for Tailscale. ${credentialAdvice}`);
  await warnOfUnreachable(settings);
  const policy = await planPolicy(buildPolicy(settings), policyApi(access));
  await warnOfOwners(settings, access, policy.live);
  await warnOfEnvironment(settings, policy.live);
  const changes = policyDiff(policy.live.text, policy.text);
  if (changes !== "" && pulumi.runtime.isDryRun())
    await pulumi.log.info(`The tailnet's policy will change:\n${changes}`);
  return { tags, policy };
}

/** A grant can name a builder by nothing but its address, so one without is known to be shut out. */
async function warnOfUnreachable({ unreachable = [], sshPort }: PolicySettings): Promise<void> {
  for (const name of unreachable) {
    await pulumi.log.warn(
      `builders: "${name}" has no tailnet IP as its address, so this stack's grants do not let it reach the server's ` +
        `port ${sshPort} to upload. Set its address to what \`tailscale ip -4\` says on it, or grant it yourself.`,
    );
  }
}

/**
 * An OAuth client hands out the tags that it has and those that these own ("requested tags … are invalid or not permitted"
 * otherwise), and it can't have one that the policy does not declare yet.
 */
async function warnOfOwners(
  { tags, owners, ci = true }: PolicySettings,
  { credential }: TailscaleAccess,
  live: LivePolicy,
): Promise<void> {
  if (!ci || credential.kind === "api-key" || owners.some((owner) => owner.startsWith("tag:"))) return;
  if (
    parsePolicy(live.text)
      .sections.get("tagOwners")
      ?.entries.some(({ key }) => key === tags.ci) === true
  )
    return;
  await pulumi.log.warn(
    `tailnet.owners: no tag is among ${owners.join(", ")}, so Tailscale will refuse Pulumi's OAuth client the tag ${tags.ci} for CI. ` +
      'Declare a tag such as "tag:nix-infra": ["autogroup:admin"] in the policy\'s tagOwners, make the OAuth client with it, ' +
      "and set tailnet.owners to it; or use TAILSCALE_API_KEY.",
  );
}

/** Under Tailscale SSH a builder is known by SSH_CLIENT; such a rule lets it say another's. */
async function warnOfEnvironment({ ssh, tags }: PolicySettings, live: LivePolicy): Promise<void> {
  if (ssh !== "tailscale") return;
  for (const rule of rulesWithEnvironment(live.text, tags.cache, uploadUser)) {
    await pulumi.log.warn(
      `The tailnet's policy: ${rule} has acceptEnv and lets in as ${uploadUser}, so that one builder could pass for ` +
        `another. Take acceptEnv out of it, or ${uploadUser} (and autogroup:nonroot).`,
    );
  }
}

async function planPolicy(entries: PolicyEntries, api: PolicyApi): Promise<PolicyPlan> {
  const live = await api.read();
  const text = merge(live.text, entries);
  const verdict = await api.validate(text);
  if (!verdict.accepted) throw new PolicyError(refusal(verdict, live.text, entries));
  for (const warning of verdict.details) await pulumi.log.warn(`Tailscale warns of the policy: ${warning}`);
  return { entries, live, text, api };
}

/** Why Tailscale refuses, in its words, with the user's rules that our tests run into, where they stand in the live policy. */
function refusal({ message, details }: Verdict, live: string, entries: PolicyEntries): string {
  const said = ["Tailscale refuses the tailnet's policy with this stack's entries:", message, ...details].join("\n  ");
  const rules = explainDenials(live, entries);
  if (details.length === 0 || rules.length === 0) return said;
  return [
    said,
    "CI, or the server, would reach more than the cache, because:",
    ...rules.map((rule) => `  ${rule}`),
    "Narrow these rules; or accept it knowingly:",
    "  pulumi config set --path tailnet.policy.requireDeny false",
  ].join("\n");
}
