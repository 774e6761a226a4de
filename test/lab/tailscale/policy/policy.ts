import { z } from "zod";

import { Problem } from "./problem.ts";

const strings = z
  .array(z.string())
  .nullish()
  .transform((list) => (list ?? []).map((entry) => entry.trim()));
const text = z
  .string()
  .nullish()
  .transform((value) => (value ?? "").trim());
const listsByName = z
  .record(z.string(), strings)
  .nullish()
  .transform((value) => value ?? {});
const anything = z.unknown().optional();

/** Go's JSON decoder takes field names in any case, and old policies use that ("ACLs", "Groups", "Users"). */
function struct<T extends z.core.$ZodLooseShape>(shape: T) {
  const names = new Map(Object.keys(shape).map((name) => [name.toLowerCase(), name]));
  return z.preprocess((value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [names.get(key.toLowerCase()) ?? key, inner]),
    );
  }, z.strictObject(shape));
}

const acl = struct({
  action: text,
  src: strings,
  dst: strings,
  /** Older names of src and dst. */
  users: strings,
  ports: strings,
  proto: text,
  srcPosture: strings,
});

const grant = struct({
  src: strings,
  dst: strings,
  ip: strings,
  app: z
    .record(z.string(), z.array(z.unknown()).nullable())
    .nullish()
    .transform((value) => value ?? {}),
  via: strings,
  srcPosture: strings,
});

const ssh = struct({
  action: text,
  src: strings,
  dst: strings,
  users: strings,
  checkPeriod: text,
  acceptEnv: strings,
  enforceRecorder: anything,
  recorder: strings,
  srcPosture: strings,
});

const test = struct({
  src: text,
  /** Older names of src and accept. */
  user: text,
  allow: strings,
  proto: text,
  accept: strings,
  deny: strings,
  srcPostureAttrs: anything,
});

const sshTest = struct({
  src: text,
  dst: strings,
  accept: strings,
  check: strings,
  deny: strings,
  srcPostureAttrs: anything,
});

const nodeAttr = struct({ target: strings, attr: strings, app: anything, ipPool: strings });

const policy = struct({
  acls: z.array(acl).nullish(),
  grants: z.array(grant).nullish(),
  ssh: z.array(ssh).nullish(),
  groups: listsByName,
  tagOwners: listsByName,
  hosts: z
    .record(z.string(), z.string())
    .nullish()
    .transform((value) => value ?? {}),
  ipsets: listsByName,
  autoApprovers: struct({ routes: listsByName, exitNode: strings, services: listsByName }).nullish(),
  nodeAttrs: z.array(nodeAttr).nullish(),
  tests: z.array(test).nullish(),
  sshTests: z.array(sshTest).nullish(),
  postures: anything,
  defaultSrcPosture: anything,
  derpMap: anything,
  disableIPv4: anything,
  oneCGNATRoute: anything,
  randomizeClientPort: anything,
});

/** A tailnet policy with every list present, selectors trimmed, and field names in their usual case. */
export type Policy = z.output<typeof policy>;
export type AclRule = NonNullable<Policy["acls"]>[number];
export type GrantRule = NonNullable<Policy["grants"]>[number];
export type SshRule = NonNullable<Policy["ssh"]>[number];
export type PolicyTest = NonNullable<Policy["tests"]>[number];
export type SshTest = NonNullable<Policy["sshTests"]>[number];

/**
 * Gives a policy its types. `null` counts as absent, as in Go.
 * @throws {Problem} naming the first field that is unknown or of another shape.
 */
export function decodePolicy(value: unknown): Policy {
  const result = policy.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = (issue?.path ?? []).map(String).join(".");
  if (issue?.code === "unrecognized_keys") {
    throw new Problem(`${path === "" ? "" : `${path}: `}unknown field "${issue.keys[0] ?? ""}"`);
  }
  throw new Problem(`${path === "" ? "policy" : path}: ${issue?.message ?? "has another shape than a policy"}`);
}
