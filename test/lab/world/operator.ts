/** The operator: whoever types `pulumi up`. Their keys and tokens, made once for an instance, kept in files that only root reads. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeNixKey, makeSshKey } from "../../../components/ci-publisher/make-keys.ts";
import { sshPublicKey } from "../../../components/ci-publisher/public-keys.ts";
import type { Instance } from "../instance.ts";

/** Every secret of the operator, by its name. */
const makers = {
  deployKey: () => makeSshKey("operator"),
  ciSigningKey: () => makeNixKey("lab-ci-1"),
  ciSshKey: () => makeSshKey("lab ci"),
  tailscaleApiKey: () => `tskey-api-${randomBytes(16).toString("hex")}`,
  githubToken: () => `github_pat_${randomBytes(16).toString("hex")}`,
  passphrase: () => randomBytes(16).toString("hex"),
} as const;

export type OperatorSecrets = Readonly<Record<keyof typeof makers, string>>;

/** The operator's secrets; those that are not there yet are made. */
export function operatorSecrets(instance: Instance): OperatorSecrets {
  const folder = join(instance.dir, "operator");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const entries = Object.entries(makers).map(([name, make]) => [name, secretIn(join(folder, name), make)] as const);
  return Object.fromEntries(entries) as OperatorSecrets;
}

function secretIn(file: string, make: () => string): string {
  if (existsSync(file)) return readFileSync(file, "utf8");
  const secret = make();
  writeFileSync(`${file}.new`, secret, { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return secret;
}

/** What machines authorize: the public half of the operator's key. */
export function deployPublicKey({ deployKey }: OperatorSecrets): string {
  return `${sshPublicKey(deployKey)} operator`;
}
