import { everywhere, type Check } from "../check.ts";
import { failure, ok, warning, type Verdict } from "../finding.ts";
import { showDuration } from "../show.ts";
import { readHistory, type CanaryRun } from "../../canary/history.ts";

export const canaryCheck: Check = {
  name: "canary",
  roles: everywhere,
  run: ({ paths, roles }) => judgeCanary(readHistory(paths.state).at(-1), roles.includes("server"), Date.now()),
};

const stale = 2 * 24 * 3600_000;

/** `expected`: whether this is a machine that ought to fly some. */
export function judgeCanary(last: CanaryRun | undefined, expected: boolean, now: number): Verdict {
  if (last === undefined)
    return expected ? warning("none was flown yet", "sudo cachectl canary") : ok("none are flown here");
  const when = `${showDuration(now - last.at)} ago`;
  if (last.seconds === undefined)
    return failure(
      `the one ${when} was not served: ${(last.problem ?? "").slice(0, 160)}`,
      "mend what the lines above say, then: sudo cachectl canary",
    );
  if (now - last.at > stale)
    return warning(`the last one was flown ${when}`, "systemctl list-timers 'nix-binary-cache*'");
  return ok(`served after ${last.seconds.toFixed(1)} s, ${when}`);
}
