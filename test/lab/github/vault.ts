/** Sealed boxes: a key pair for each repository and environment, as GitHub keeps them. */
import { randomUUID } from "node:crypto";
import sodium from "libsodium-wrappers";
import { readState, type KeyPair, type Vault } from "./state.ts";

const BASE64 = (): number => sodium.base64_variants.ORIGINAL;

/** An empty vault with a key pair of its own. Needs `sodium.ready`. */
export function newVault(): Vault {
  const { publicKey, privateKey } = sodium.crypto_box_keypair();
  const keys: KeyPair = {
    id: randomUUID(),
    publicKey: sodium.to_base64(publicKey, BASE64()),
    privateKey: sodium.to_base64(privateKey, BASE64()),
  };
  return { keys, variables: {}, secrets: {} };
}

/** The text in a sealed box; throws when it was not sealed with this key. */
export function open(box: string, keys: KeyPair): string {
  const binary = (text: string): Uint8Array => sodium.from_base64(text, BASE64());
  return sodium.to_string(sodium.crypto_box_seal_open(binary(box), binary(keys.publicKey), binary(keys.privateKey)));
}

/**
 * For tests only, and only from the state's file: the secrets of `repository` ("owner/name") or of one of its
 * environments, decrypted. GitHub itself never gives a secret back.
 */
export async function openSecrets(
  statePath: string,
  repository: string,
  environment?: string,
): Promise<Record<string, string>> {
  await sodium.ready;
  const found = readState(statePath)?.repositories[repository];
  const vault: Vault | undefined = environment === undefined ? found : found?.environments[environment];
  if (vault === undefined) throw new Error(`${statePath} knows no ${repository} ${environment ?? ""}`);
  return Object.fromEntries(Object.entries(vault.secrets).map(([name, { value }]) => [name, open(value, vault.keys)]));
}
