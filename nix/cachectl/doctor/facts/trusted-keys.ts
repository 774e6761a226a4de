/** The public keys that count on a machine. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { shared, type Machine } from "../machine.ts";
import { nixConfig } from "./nix-config.ts";

/**
 * On the server, which need not be a client of its own cache, those that clients are given; elsewhere those that Nix
 * trusts. Until the stack's facts are committed the server knows of no clients: then its own keys count. Rejects with an
 * Error when Nix gives no answer.
 */
export const trustedKeys = shared(async (machine): Promise<readonly string[]> => {
  if (!machine.roles.includes("server")) return (await nixConfig(machine)).words("trusted-public-keys");
  const given = machine.settings.publicKeys;
  return given.length > 0 ? given : ownPublicKeys(machine);
});

/** `DIRECTORY/NAME.pub`, which lie beside the secret ones. */
function ownPublicKeys({ settings: { signingDirectory = "" } }: Pick<Machine, "settings">): readonly string[] {
  try {
    const names = readdirSync(signingDirectory).filter((name) => name.endsWith(".pub"));
    return names.map((name) => readFileSync(join(signingDirectory, name), "utf8").trim());
  } catch {
    return [];
  }
}
