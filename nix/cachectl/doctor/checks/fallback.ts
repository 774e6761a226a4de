import type { Check } from "../check.ts";
import { nixConfig, type NixConfig } from "../facts/nix-config.ts";
import { plural } from "../show.ts";
import { failure, ok, warning, type Verdict } from "../finding.ts";

export const fallbackCheck: Check = {
  name: "fallback",
  roles: ["builder", "client"],
  run: async (machine) => judgeFallback(await nixConfig(machine)),
};

const mend = "import the client module and rebuild, or pulumi up; then restart the Nix daemon";

/** What an absent server costs: without `fallback` it ends builds, with long timeouts it delays each of them. */
export function judgeFallback(config: NixConfig): Verdict {
  if (config.text("fallback") !== "true") {
    return failure("fallback is off: while the server is away, builds fail", mend);
  }
  const timeout = config.number("connect-timeout") ?? 0;
  if (timeout === 0 || timeout > 10) {
    const shown = timeout === 0 ? "none" : `${timeout} s`;
    return warning(`connect-timeout is ${shown}: each command waits for an absent server`, mend);
  }
  const attempts = config.number("download-attempts") ?? 5;
  if (attempts > 2)
    return warning(`download-attempts is ${attempts}: an absent server is asked that often each time`, mend);
  const negative = config.number("narinfo-cache-negative-ttl") ?? 3600;
  if (negative > 600) {
    return warning(
      `narinfo-cache-negative-ttl is ${negative} s: what was just uploaded is not seen for that long`,
      mend,
    );
  }
  return ok(`on; ${plural(attempts, "attempt")} of ${timeout} s; "not there" is believed for ${negative} s`);
}
