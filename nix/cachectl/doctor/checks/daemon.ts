import type { Check } from "../check.ts";
import { daemonStart, settingsFiles, type DaemonStart, type SettingsFile } from "../facts/daemon.ts";
import { failure, ok, type Verdict } from "../finding.ts";
import { showDuration } from "../show.ts";

export const daemonCheck: Check = {
  name: "daemon",
  roles: ["builder", "client"],
  run: async (machine) => judgeDaemon(await daemonStart(machine), settingsFiles(machine.places.nixConf), Date.now()),
};

/** /proc counts in hundredths of a second from a boot that is known to the second. */
const slack = 2000;

const mend =
  process.platform === "darwin"
    ? "sudo launchctl kickstart -k system/org.nixos.nix-daemon (Determinate: system/systems.determinate.nix-daemon)"
    : "sudo systemctl restart nix-daemon";

/** The daemon reads its settings when it starts, and never again. */
export function judgeDaemon(start: DaemonStart, files: readonly SettingsFile[], now: number): Verdict {
  if (start === "absent") return ok("not running: it reads its settings when it is started");
  const newer = files.filter(({ changedAt }) => changedAt > start + slack);
  const [file] = newer;
  if (file !== undefined) {
    return failure(
      `${file.file} was changed ${showDuration(now - file.changedAt)} ago, after the daemon was started`,
      mend,
    );
  }
  const managed = files.some(({ inStore }) => inStore)
    ? "; its settings are the store's, by which a rebuild restarts it"
    : "";
  return ok(`started ${showDuration(now - start)} ago, after the last change of its settings${managed}`);
}
