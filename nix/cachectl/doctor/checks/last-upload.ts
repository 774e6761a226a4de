import type { Check } from "../check.ts";
import { failure, ok, warning, type Verdict } from "../finding.ts";
import { plural, showDuration } from "../show.ts";
import { readState, type UploadState } from "../../upload/state.ts";

export const lastUploadCheck: Check = {
  name: "last-upload",
  roles: ["builder"],
  run: ({ paths }) => judgeLastUpload(readState(paths.state), Date.now()),
};

const day = 24 * 3600_000;

/** Months without an upload are well where nothing was built; attempts without success never are. */
export function judgeLastUpload(
  state: Pick<UploadState, "server" | "lastAttempt" | "lastSuccess">,
  now: number,
): Verdict {
  const { server, lastSuccess } = state;
  const last =
    lastSuccess === undefined ? "nothing was uploaded yet" : `the last one was ${showDuration(now - lastSuccess)} ago`;
  if (server !== undefined) {
    const text = `${plural(server.failures, "attempt")} failed since ${showDuration(now - server.since)} (${last}): ${server.reason}`;
    const mend = "see the lines above; then: cachectl queue retry";
    return now - server.since > day ? failure(text, mend) : warning(text, mend);
  }
  if (lastSuccess === undefined) return warning(last, "build something: nix build --rebuild, or: cachectl reconcile");
  return ok(last);
}
