import { join } from "node:path";
import type { Check } from "../check.ts";
import { failure, ok, warning, type Verdict } from "../finding.ts";
import { plural, showDuration } from "../show.ts";
import { fieldsOf } from "../../lib/json.ts";
import { readResult, type PopulateResult } from "../../populate/result.ts";

export const populateCheck: Check = {
  name: "populate",
  roles: ["server"],
  run: ({ paths, config }) => {
    const enabled = fieldsOf(fieldsOf(config).get("populate")).get("enabled") !== false;
    return enabled
      ? judgePopulate(readResult(join(paths.state, "populate.json")), Date.now())
      : ok("off (populate.enabled)");
  },
};

const day = 24 * 3600_000;

/** Weekly at the least, whatever the schedule. */
const stale = 8 * day;

/** The last run: whether there was one, whether it went well, and how long ago. */
export function judgePopulate(result: PopulateResult | undefined, now: number): Verdict {
  const again = "sudo systemctl start nix-binary-cache-populate; or by hand: sudo cachectl populate";
  if (result === undefined) return warning("has never run", again);
  const age = now - Date.parse(result.finished);
  const when = `${showDuration(age)} ago`;
  const failed = result.outputs.filter(({ status }) => status === "failed");
  const [first] = failed;
  if (first !== undefined) {
    const names = failed
      .map(({ output }) => output)
      .slice(0, 3)
      .join(", ");
    return failure(
      `${failed.length} of ${result.outputs.length} outputs failed ${when}: ${names}`,
      `sudo cachectl populate '${first.output}'`,
    );
  }
  const [problem] = result.problems;
  if (problem !== undefined) return failure(`${when}: ${problem.slice(0, 160)}`, again);
  if (result.stopped) return warning(`was stopped before its end, ${when}`, again);
  if (age > stale)
    return failure(`the last run was ${when}: its timer does not run`, "systemctl list-timers 'nix-binary-cache*'");
  return ok(`${plural(result.outputs.length, "output")}, ${when}`);
}
