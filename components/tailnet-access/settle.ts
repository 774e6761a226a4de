/** What makes sure, right before and right after the write, that nobody else's edit is lost and ours is in force. */
import * as pulumi from "@pulumi/pulumi";
import { PolicyError } from "./entries.ts";
import { merge } from "./merge.ts";
import type { PolicyPlan } from "./prepare.ts";

/**
 * Refuses when the policy is another one than the plan was made from. The provider's own write has no condition, so
 * this runs as close before it as can be.
 *
 * @throws PolicyError when somebody changed the policy since
 */
export async function refuseOtherPolicy({ live, text, api }: PolicyPlan): Promise<void> {
  const now = await api.read();
  if (now.text === live.text || now.text === text) return;
  throw new PolicyError(
    "The tailnet's policy was changed by somebody else since this run read it; nothing was written. Run `pulumi up` again.",
  );
}

/**
 * Puts our entries back where they are gone although Pulumi's state has them: a policy that was edited by hand looks
 * unchanged to Pulumi until a refresh, and then nothing is written. Does nothing when they are in force.
 *
 * @throws PolicyError when the policy changes again at every attempt
 */
export async function restoreEntries({ entries, api }: PolicyPlan): Promise<void> {
  for (let attempt = 1; attempt <= 5; attempt++) {
    const live = await api.read();
    const text = merge(live.text, entries);
    if (text === live.text) return;
    if (await api.write(text, live)) {
      await pulumi.log.warn(
        "This stack's entries had been changed in the tailnet's policy by hand; they are put back.",
      );
      return;
    }
  }
  throw new PolicyError("The tailnet's policy changes faster than it can be written. Run `pulumi up` again.");
}
