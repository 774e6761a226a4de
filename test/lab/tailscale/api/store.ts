import { createHash } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { z } from "zod";

import { DEFAULT_POLICY } from "./default-policy.ts";

const device = z.strictObject({
  id: z.string(),
  /** Short machine name. */
  name: z.string(),
  addresses: z.array(z.string()),
  user: z.string().optional(),
  tags: z.array(z.string()),
  os: z.string(),
  ephemeral: z.boolean(),
});

const key = z.strictObject({
  id: z.string(),
  keyType: z.enum(["auth", "client", "federated"]),
  /** SHA-256 of the secret, in hex. A federated identity has none. */
  secretHash: z.string().optional(),
  description: z.string(),
  /** Times are ISO 8601. */
  created: z.string(),
  updated: z.string().optional(),
  expires: z.string().optional(),
  expirySeconds: z.number().optional(),
  revoked: z.string().optional(),
  capabilities: z.unknown().optional(),
  scopes: z.array(z.string()),
  tags: z.array(z.string()),
  userId: z.string(),
  audience: z.string().optional(),
  issuer: z.string().optional(),
  subject: z.string().optional(),
  customClaimRules: z.record(z.string(), z.string()).optional(),
});

const token = z.strictObject({
  hash: z.string(),
  keyId: z.string(),
  scopes: z.array(z.string()),
  tags: z.array(z.string()),
  expires: z.string(),
});

const state = z.strictObject({
  policy: z.string(),
  devices: z.array(device),
  keys: z.array(key),
  tokens: z.array(token),
});

/** A machine as the stand-in keeps it. */
export type Device = z.output<typeof device>;
/** A key, OAuth client or federated identity as the stand-in keeps it: no secret, only its hash. */
export type StoredKey = z.output<typeof key>;
/** Everything the stand-in remembers. */
export type State = z.output<typeof state>;

/** Hash under which a secret is kept. */
export function hashSecret(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

/** The state in memory and in its file. */
export interface Store {
  state: State;
  /** Writes the state by rename, mode 0600. */
  readonly save: () => void;
}

function load(path: string): State | undefined {
  let content: string;
  try {
    content = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const result = state.safeParse(JSON.parse(content));
  if (result.success) return result.data;
  throw new Error(
    `${path}: not a state of the Tailscale stand-in (${z.prettifyError(result.error)}). Remove it to begin anew.`,
  );
}

/**
 * Opens the state file, or begins with Tailscale's default policy, no keys, and the given machines.
 * @throws when the file is there and is something else.
 */
export function openStore(
  path: string,
  initial: { readonly policy?: string; readonly devices: readonly Device[] },
): Store {
  const fresh = { policy: initial.policy ?? DEFAULT_POLICY, devices: [...initial.devices], keys: [], tokens: [] };
  const store: Store = {
    state: load(path) ?? fresh,
    save: () => {
      const temporary = `${path}.${process.pid}.tmp`;
      writeFileSync(temporary, `${JSON.stringify(store.state, undefined, 2)}\n`, { mode: 0o600 });
      renameSync(temporary, path);
    },
  };
  store.save();
  return store;
}
