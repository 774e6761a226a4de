import type { Check } from "../check.ts";
import { ok, warning, type Verdict } from "../finding.ts";
import { plural, showDuration } from "../show.ts";
import { builderStatus, type BuilderStatus } from "../../status/facts/uploads.ts";

export const buildersCheck: Check = {
  name: "builders",
  roles: ["server"],
  run: ({ paths }) => {
    const now = Date.now();
    return judgeBuilders(builderStatus(paths, now), now);
  },
};

const day = 24 * 3600_000;

/** What the server knows of its builders: who was turned away, whose paths never came, who uploaded last. */
export function judgeBuilders(builders: readonly BuilderStatus[], now: number): Verdict {
  if (builders.length === 0)
    return warning("no builder is registered", "add one to the stack's builders, then pulumi up");
  const stuck = builders.find(({ waiting }) => waiting.since !== undefined && now - waiting.since > day);
  if (stuck?.waiting.since !== undefined) {
    const since = showDuration(now - stuck.waiting.since);
    return warning(
      `${stuck.name} announced ${plural(stuck.waiting.paths, "path")} ${since} ago that never came`,
      `on ${stuck.name}: cachectl doctor`,
    );
  }
  const behind = builders.find(({ queue }) => queue?.since !== undefined && now - queue.since > day);
  if (behind?.queue?.since !== undefined) {
    const { entries, since, at } = behind.queue;
    const told = `told ${showDuration(now - at)} ago`;
    return warning(
      `on ${behind.name} ${entries} in the queue, the oldest for ${showDuration(now - since)} (${told})`,
      `on ${behind.name}: cachectl queue`,
    );
  }
  const troubled = builders.find(({ trouble }) => trouble !== undefined);
  if (troubled?.trouble !== undefined) {
    return warning(
      `${troubled.name}'s last call went wrong: ${troubled.trouble.slice(0, 160)}`,
      `on ${troubled.name}: cachectl doctor`,
    );
  }
  const last = builders.reduce((latest, { lastCommit = 0 }) => Math.max(latest, lastCommit), 0);
  const when = last === 0 ? "none has uploaded yet" : `the last upload was ${showDuration(now - last)} ago`;
  return ok(`${plural(builders.length, "builder")}; ${when}`);
}
