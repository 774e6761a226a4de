import { createHash } from "node:crypto";

import { type TestFailure, runTests } from "../policy/access-test.ts";
import { parseHujson } from "../policy/hujson.ts";
import { type Policy, decodePolicy } from "../policy/policy.ts";
import { judgePolicy } from "../policy/judge.ts";
import { Problem } from "../policy/problem.ts";
import { requireScopes } from "./actor.ts";
import { type Context, tailnetOf } from "./context.ts";
import { DEFAULT_POLICY } from "./default-policy.ts";
import { ApiError, type Reply, json } from "./reply.ts";

/** What the docs ask of a credential beside `policy_file` itself. Source: quoted in tailscale/gitops-acl-action#50. */
const READ_SCOPES = ["policy_file:read", "devices:core:read", "devices:posture_attributes:read"] as const;
const WRITE_SCOPES = ["policy_file", "devices:core:read", "devices:posture_attributes"] as const;

/** The quoted hash that names a version of the policy. */
function etagOf(text: string): string {
  return `"${createHash("sha256").update(text).digest("hex")}"`;
}

function policyReply(context: Context): Reply {
  const text = context.store.state.policy;
  const etag = etagOf(text);
  if ((context.headers.accept ?? "").includes("application/hujson")) {
    return { status: 200, headers: { "content-type": "application/hujson", etag }, body: text };
  }
  const value = parseHujson(text);
  return { ...json(value), headers: { "content-type": "application/json", etag } };
}

function details(context: Context): Reply {
  const text = context.store.state.policy;
  const logins = new Set(context.users.map(({ login }) => login));
  const warnings = Object.entries(decodePolicy(parseHujson(text)).groups).flatMap(([group, members]) =>
    members.filter((member) => !logins.has(member)).map((member) => `"${group}": user not found: "${member}"`),
  );
  return json({ acl: Buffer.from(text).toString("base64"), warnings, errors: null });
}

/** GET the policy: HuJSON or JSON by Accept, with an ETag. */
export function getAcl(context: Context): Reply {
  requireScopes(context.actor, ...READ_SCOPES);
  return ["1", "true"].includes(context.query.get("details") ?? "") ? details(context) : policyReply(context);
}

/** `"ts-default"` stands for the policy that nobody has edited. */
function requireMatch(condition: string | undefined, text: string): void {
  if (condition === undefined) return;
  const matches = condition === '"ts-default"' ? text === DEFAULT_POLICY : condition === etagOf(text);
  if (!matches) throw new ApiError(412, "precondition failed, invalid old hash");
}

/** POST a policy: judged, kept, applied. An empty body resets it to the default, allow-all policy. */
export async function postAcl(context: Context): Promise<Reply> {
  requireScopes(context.actor, ...WRITE_SCOPES);
  const { store, body } = context;
  requireMatch(context.headers["if-match"], store.state.policy);
  const text = body.trim() === "" ? DEFAULT_POLICY : body;
  const judgement = judgePolicy(text, tailnetOf(context));
  if (!judgement.accepted) throw new ApiError(judgement.status, judgement.message);
  store.state.policy = text;
  store.save();
  await context.changed();
  return policyReply(context);
}

function failed(message: string, failures: readonly TestFailure[]): Reply {
  return json(failures.length === 0 ? { message } : { message, data: failures });
}

function validateTests(tests: readonly unknown[], context: Context): Reply {
  const held = parseHujson(context.store.state.policy) as Policy;
  const failures = runTests(decodePolicy({ ...held, tests }), tailnetOf(context));
  return failures.length === 0 ? json({}) : failed("test(s) failed", failures);
}

/** POST a policy, or a list of tests to run against the held one. 200 whether or not it is well; `{}` when it is. */
export function validateAcl(context: Context): Reply {
  requireScopes(context.actor, ...READ_SCOPES);
  try {
    const value = parseHujson(context.body);
    if (Array.isArray(value)) return validateTests(value, context);
    // A JSON string holds the policy's text.
    const judgement = judgePolicy(typeof value === "string" ? value : context.body, tailnetOf(context));
    return judgement.accepted ? json({}) : failed(judgement.message, judgement.failures);
  } catch (error) {
    if (error instanceof Problem) return json({ message: error.message });
    throw error;
  }
}
