import { everywhere, type Check } from "../check.ts";
import { knownPath } from "../facts/known-path.ts";
import type { SignedNarinfo } from "../facts/narinfo.ts";
import { nixConfig } from "../facts/nix-config.ts";
import { trustedKeys } from "../facts/trusted-keys.ts";
import { failure, ok, warning, type Verdict } from "../finding.ts";
import { keyName } from "../../receive/signature.ts";

export const signingKeyCheck: Check = {
  name: "signing-key",
  roles: everywhere,
  needs: ["cache-info"],
  timeout: 8000,
  run: async (machine) => {
    const [narinfo, config, trusted] = await Promise.all([
      knownPath(machine),
      nixConfig(machine),
      trustedKeys(machine),
    ]);
    return judgeSigningKey(narinfo, trusted, config.text("require-sigs") !== "false");
  },
};

/** `trusted`: public keys, `NAME:BASE64`. Whether a signature is good is another check's matter. */
export function judgeSigningKey(
  narinfo: SignedNarinfo | undefined,
  trusted: readonly string[],
  required: boolean,
): Verdict {
  if (narinfo === undefined) {
    return warning(
      "no path of this machine is in the cache, so there is nothing to look at",
      "name one: cachectl doctor --path /nix/store/…",
    );
  }
  const signers = [...new Set(narinfo.signatures.map(keyName))];
  if (signers.length === 0) {
    return failure(
      "the cache signs nothing: Nix takes nothing from it",
      "on the server: pulumi up, then systemctl restart harmonia",
    );
  }
  const known = signers.filter((name) => trusted.some((key) => keyName(key) === name));
  if (known.length === 0) {
    return failure(
      `signed by ${signers.join(", ")}; trusted here: ${trusted.map(keyName).join(", ") || "none"}`,
      "npm run nix-vars, rebuild this machine's configuration, restart the Nix daemon",
    );
  }
  if (!required)
    return warning("require-sigs is false: whatever the cache says is taken", "set require-sigs = true in nix.conf");
  return ok(`signs with ${known.join(", ")}, trusted here`);
}
