import type { Check } from "../check.ts";
import { failure, ok, warning, type Verdict } from "../finding.ts";
import { run } from "../../lib/run.ts";
import type { Machine } from "../machine.ts";

export const uploaderCheck: Check = {
  name: "uploader",
  roles: ["builder"],
  run: async (machine) => judgeUploader(await watcher(machine)),
};

/** What starts the uploader: `watching`, or in which state the service is; a problem when nobody can say. */
export type Watcher = "watching" | { readonly state: string; readonly start: string } | { readonly problem: string };

const unit = "nix-binary-cache-upload.path";
const label = "system/org.nix-binary-cache.upload";

/** Asks launchd where there is one, else systemd. */
async function watcher({ env, stop }: Machine): Promise<Watcher> {
  const options = { env, timeout: 3000, stop };
  const launchd = await run("launchctl", ["print", label], options);
  if (launchd.status !== null || launchd.timedOut) {
    const start = "sudo launchctl bootstrap system /Library/LaunchDaemons/org.nix-binary-cache.upload.plist";
    return launchd.status === 0 ? "watching" : { state: "not loaded", start };
  }
  const { status, stdout, stderr } = await run("systemctl", ["is-active", unit], options);
  if (status === null) return { problem: stderr };
  const state = stdout.trim();
  return status === 0
    ? "watching"
    : { state: state === "" ? "unknown" : state, start: `sudo systemctl enable --now ${unit}` };
}

export function judgeUploader(found: Watcher): Verdict {
  if (found === "watching") return ok("something watches the queue and starts the uploader");
  if ("problem" in found)
    return warning(`can't be asked for: ${found.problem}`, "upload by hand: sudo cachectl upload");
  return failure(`nothing watches the queue (${found.state}): what is queued stays there`, found.start);
}
