import { everywhere, type Check } from "../check.ts";
import { cacheUrl } from "../facts/cache-url.ts";
import { knownPath } from "../facts/known-path.ts";
import { downloadNar, type NarOutcome } from "../facts/nar.ts";
import type { SignedNarinfo } from "../facts/narinfo.ts";
import { trustedKeys } from "../facts/trusted-keys.ts";
import { failure, ok, skipped, warning, type Verdict } from "../finding.ts";
import { KeyRing } from "../../receive/signature.ts";
import { showBytes } from "../../receive/sizes.ts";

/** What a download may take; a larger path is left at that. */
const milliseconds = 8000;

export const pathCheck: Check = {
  name: "path",
  roles: everywhere,
  needs: ["cache-info", "signing-key"],
  timeout: 12_000,
  run: async (machine, stop) => {
    const [url, narinfo, trusted] = await Promise.all([cacheUrl(machine), knownPath(machine), trustedKeys(machine)]);
    if (narinfo === undefined) return skipped("no path is known that the cache has");
    const outcome = await downloadNar(url, narinfo, AbortSignal.any([stop, AbortSignal.timeout(milliseconds)]));
    return judgePath(narinfo, new KeyRing(trusted), outcome);
  },
};

/** Holds a path's signature against the keys that are trusted, and its bytes against its hash. */
export function judgePath(narinfo: SignedNarinfo, trusted: KeyRing, outcome: NarOutcome): Verdict {
  const name = narinfo.path.slice(narinfo.path.lastIndexOf("/") + 1);
  if (trusted.valid(narinfo, narinfo.signatures).length === 0) {
    return failure(
      `${name}: no signature holds; a key of a trusted name made it, or what is signed was changed on the way`,
      "npm run nix-vars shows the keys; rebuild this machine's configuration, restart the Nix daemon",
    );
  }
  if (outcome.kind === "absent") {
    return failure(
      `${name}: ${outcome.problem}`,
      "on the server: systemctl restart nginx; if it stays: nix-store --verify-path of it",
    );
  }
  if (outcome.kind === "wrong") {
    return failure(
      `${name}: ${outcome.problem}`,
      `on the server: nix-store --verify-path ${narinfo.path}; then empty nginx's cache`,
    );
  }
  if (outcome.kind === "unread") {
    return warning(
      `${name}: its signature holds; ${outcome.problem}`,
      "name a small one: cachectl doctor --path /nix/store/…",
    );
  }
  const amount = `${showBytes(outcome.bytes)} in ${outcome.seconds.toFixed(1)} s`;
  return ok(`${name}: signature and bytes are right (${amount})`);
}
