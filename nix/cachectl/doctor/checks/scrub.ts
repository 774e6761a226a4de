import type { Check } from "../check.ts";
import { failure, ok, warning, type Verdict } from "../finding.ts";
import { plural, showDuration } from "../show.ts";
import { readScrubRecord, type ScrubRecord } from "../../scrub/record.ts";

export const scrubCheck: Check = {
  name: "scrub",
  roles: ["server"],
  run: ({ paths }) => judgeScrub(readScrubRecord(paths.state), Date.now()),
};

const stale = 70 * 24 * 3600_000;

/** The last pass over the store's bytes: what it found that could not be mended, and when the last whole one ended. */
export function judgeScrub(record: ScrubRecord | undefined, now: number): Verdict {
  if (record === undefined)
    return warning("has never run", "sudo systemctl start nix-binary-cache-scrub; or by hand: sudo cachectl scrub");
  const { outcome, reason = "", findings, lastWhole, checked, total, updated } = record;
  const withheld = findings.filter((finding) => finding.outcome === "withheld");
  const [first] = withheld;
  if (first !== undefined) {
    return failure(
      `${plural(withheld.length, "path")} with wrong bytes, which nobody is served: ${first.path}`,
      `nix-store --repair-path ${first.path}, or: nix-store --delete it`,
    );
  }
  if (outcome === "failed")
    return failure(
      `failed ${showDuration(now - Date.parse(updated))} ago: ${reason.slice(0, 160)}`,
      "sudo cachectl scrub",
    );
  if (findings.some((finding) => finding.outcome === "passed")) {
    return warning(
      "a path was wrong at first and right when it was read again: a disk or memory is unsound",
      "smartctl -a of the disk, and a memory test",
    );
  }
  const age = lastWhole === undefined ? undefined : now - Date.parse(lastWhole);
  if (age !== undefined && age > stale)
    return warning(`the last whole pass ended ${showDuration(age)} ago`, "systemctl list-timers 'nix-binary-cache*'");
  const mended = findings.length === 0 ? "" : `, ${plural(findings.length, "path")} mended`;
  return ok(
    age === undefined
      ? `the first pass is under way, ${checked} of ${total} checked${mended}`
      : `all of it checked ${showDuration(age)} ago${mended}`,
  );
}
