/** What of the lab runs, for people. */
import { MACHINE_NAMES, type Instance } from "../instance.ts";
import { runningMachines } from "../machines/machines.ts";
import { runningStandIns } from "./stand-ins.ts";

/** A line each for machines and stand-ins. */
export function statusOfLab(instance: Instance): Promise<string> {
  const machines = runningMachines(instance);
  const standIns = runningStandIns(instance);
  const lines = [
    ...MACHINE_NAMES.map((name) => [name, instance.addresses[name], machines.has(name) ? "runs" : "is down"]),
    ...(["tailscale", "github"] as const).map((name) => [name, standIns.get(name)?.url ?? "-", "stand-in"]),
  ];
  const widths = [0, 1].map((column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const rows = lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  return Promise.resolve([...rows, "", "Everything is kept in " + instance.dir].join("\n"));
}
