import { type TestFailure, runTests } from "./access-test.ts";
import { parseHujson } from "./hujson.ts";
import { type Policy, decodePolicy } from "./policy.ts";
import { Problem } from "./problem.ts";
import { runSshTests } from "./ssh-test.ts";
import type { Tailnet } from "./tailnet.ts";
import { validatePolicy } from "./validate.ts";

/** What became of a policy: accepted, or refused with Tailscale's message and, when tests failed, what failed of them. */
export type Judgement =
  | { readonly accepted: true; readonly policy: Policy }
  | {
      readonly accepted: false;
      readonly status: 400 | 500;
      readonly message: string;
      readonly failures: readonly TestFailure[];
    };

/**
 * Judges a policy as Tailscale's control plane does on a write: form, then names and rules, then its own tests.
 * Never throws on account of what the policy says.
 * @param policy HuJSON text, or a value that was parsed from it.
 */
export function judgePolicy(policy: unknown, tailnet: Tailnet): Judgement {
  try {
    const decoded = decodePolicy(typeof policy === "string" ? parseHujson(policy) : policy);
    validatePolicy(decoded, tailnet);
    const failures = [...runTests(decoded, tailnet), ...runSshTests(decoded, tailnet)];
    if (failures.length > 0) return { accepted: false, status: 400, message: "test(s) failed", failures };
    return { accepted: true, policy: decoded };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { accepted: false, status: error.status, message: error.message, failures: [] };
  }
}
