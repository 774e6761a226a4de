/** Takes a stack's entries out of the tailnet's policy for good. */
import { type PolicyApi } from "./api.ts";
import { TailscaleError } from "./credentials.ts";
import { PolicyError } from "./entries.ts";
import { withdraw } from "./unmerge.ts";

const attempts = 5;

/**
 * Reads the policy, takes out what carries the stack's mark, and writes it back if nobody changed it meanwhile; tries
 * again when somebody did. The policy is never reset, and nothing is written where nothing of the stack is left.
 *
 * @param tag the stack's first tag
 * @returns what was done, a line each
 * @throws PolicyError when Tailscale refuses the policy without the entries, or it changes at every attempt
 * @throws TailscaleError when Tailscale can't be asked
 */
export async function withdrawEntries(api: PolicyApi, tag: string): Promise<string[]> {
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const live = await api.read();
    const { text, stillNamed } = withdraw(live.text, tag);
    const kept = stillNamed.map((name) => `${name} keeps its owners: other entries of the tailnet's policy name it.`);
    if (text === live.text) return [`The tailnet's policy has no entries of ${tag} to take out.`, ...kept];
    if (await written(api, text, live, tag)) return [`The entries of ${tag} are out of the tailnet's policy.`, ...kept];
  }
  throw new PolicyError(`The tailnet's policy changed at each of ${attempts} attempts to write it. Try again.`);
}

async function written(
  api: PolicyApi,
  text: string,
  live: Parameters<PolicyApi["write"]>[1],
  tag: string,
): Promise<boolean> {
  try {
    return await api.write(text, live);
  } catch (error) {
    if (!(error instanceof TailscaleError) || error.status !== 400) throw error;
    throw new PolicyError(
      `${error.message} That is what it says of the policy without the entries of ${tag}: something else in the policy ` +
        `relies on them. Take out by hand what is marked "nix-binary-cache (${tag})", then run \`pulumi destroy\` again.`,
    );
  }
}
