/** Judges captured policies: `node test/lab/tailscale/judge.ts FILE` prints a line of JSON for each case, in the file's order. */
import { readFileSync } from "node:fs";
import { z } from "zod";

import { judgePolicy } from "./policy/judge.ts";
import type { Tailnet } from "./policy/tailnet.ts";

const node = z.looseObject({
  tags: z.array(z.string()).nullish(),
  /** Short name of the owner. */
  user: z.string().nullish(),
  ipv4: z.string().nullish(),
  ipv6: z.string().nullish(),
  routes: z.array(z.string()).nullish(),
});

const capturedCase = z.looseObject({
  id: z.string(),
  policy: z.unknown(),
  users: z.array(z.looseObject({ name: z.string(), email: z.string() })).nullish(),
  nodes: z.record(z.string(), node).nullish(),
});

/** One captured case: a policy and the tailnet in which Tailscale judged it. Other fields are ignored. */
export type CapturedCase = z.output<typeof capturedCase>;

/** The answer to a case. `body` is `{}` for 200 and `{"message"}` otherwise. */
export interface CaseAnswer {
  readonly id: string;
  readonly code: number;
  readonly body: { readonly message?: string };
}

/** The captured tailnet's first user is its owner and the others are its admins. */
function tailnetOf(captured: CapturedCase): Tailnet {
  const users = captured.users ?? [];
  const logins = new Map(users.map(({ name, email }) => [name, email]));
  const nodes = Object.entries(captured.nodes ?? {}).map(([name, { tags, user, ipv4, ipv6, routes }]) => ({
    name,
    addresses: [ipv4, ipv6].filter((address) => typeof address === "string"),
    tags: tags ?? [],
    user: user == null ? undefined : (logins.get(user) ?? user),
    routes: routes ?? [],
  }));
  return { users: users.map(({ email }, index) => ({ login: email, role: index === 0 ? "owner" : "admin" })), nodes };
}

/** Judges one case. */
export function answerCase(captured: CapturedCase): CaseAnswer {
  const judgement = judgePolicy(captured.policy, tailnetOf(captured));
  const { id } = captured;
  return judgement.accepted
    ? { id, code: 200, body: {} }
    : { id, code: judgement.status, body: { message: judgement.message } };
}

/**
 * Reads the cases of a file: an array of them, or an object of such arrays.
 * @throws {z.ZodError} when they are not of that form.
 */
export function readCases(file: string): CapturedCase[] {
  const content = JSON.parse(readFileSync(file, "utf8")) as unknown;
  const lists = Array.isArray(content)
    ? [content]
    : Object.values(z.record(z.string(), z.array(z.unknown())).parse(content));
  return z.array(capturedCase).parse(lists.flat());
}

if (import.meta.main) {
  const [file] = process.argv.slice(2);
  if (file === undefined) {
    console.error("usage: node test/lab/tailscale/judge.ts FILE");
    process.exit(2);
  }
  for (const captured of readCases(file)) console.log(JSON.stringify(answerCase(captured)));
}
