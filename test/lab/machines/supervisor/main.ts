/**
 * `node main.ts systemd|launchd`: the double of systemd, or launchd, on a lab machine; tini above it reaps what is left.
 * Starts what the machine starts at boot, then does what the doubles of their commands ask for.
 */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { serveControl } from "./control.ts";
import { LOG_FOLDER } from "./launch.ts";
import { Supervisor } from "./supervisor.ts";
import { findUnit, UNIT_FOLDERS } from "./unit-file.ts";

const DAEMON_FOLDERS = ["/Library/LaunchDaemons"];
const BOOT_TARGETS = ["multi-user.target", "timers.target", "paths.target", "sockets.target", "default.target"];

/** Units that an enabled target wants. */
function enabledUnits(): string[] {
  const folders = UNIT_FOLDERS.flatMap((root) => BOOT_TARGETS.map((target) => join(root, `${target}.wants`)));
  const names = folders.filter((folder) => existsSync(folder)).flatMap((folder) => readdirSync(folder));
  // Debian's own units are none of the lab's.
  return [...new Set(names)].filter((name) => findUnit(name) !== undefined).sort();
}

function daemonFiles(): string[] {
  return DAEMON_FOLDERS.filter((folder) => existsSync(folder)).flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith(".plist"))
      .sort()
      .map((name) => join(folder, name)),
  );
}

const flavour = process.argv[2] === "launchd" ? "launchd" : "systemd";
mkdirSync(LOG_FOLDER, { recursive: true });
if (flavour === "systemd") mkdirSync("/run/systemd/system", { recursive: true });
const supervisor = new Supervisor(flavour);
await serveControl(supervisor);
const boot = flavour === "systemd" ? enabledUnits() : daemonFiles();
const start = (each: string): Promise<unknown> =>
  flavour === "systemd" ? supervisor.start(each) : supervisor.bootstrap(each);
await Promise.all(
  boot.map((each) =>
    start(each).catch((error: unknown) => {
      console.error(`${each}: ${error instanceof Error ? error.message : String(error)}`);
    }),
  ),
);
writeFileSync("/run/lab/booted", "");
