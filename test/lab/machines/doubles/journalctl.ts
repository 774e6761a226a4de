/** Double of journalctl(1): prints the jobs' log files. Honours --unit/-u, --lines/-n and --since's absence. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { logFile, LOG_FOLDER } from "../supervisor/launch.ts";

const args = process.argv.slice(2);
const units: string[] = [];
let lines = Number.POSITIVE_INFINITY;
for (let index = 0; index < args.length; index += 1) {
  const [, name = args[index] ?? "", value] = /^(--?[a-z-]+)(?:=(.*))?$/.exec(args[index] ?? "") ?? [];
  const taken = (): string => value ?? args[(index += 1)] ?? "";
  if (name === "-u" || name === "--unit") units.push(taken());
  else if (name === "-n" || name === "--lines") lines = Number(taken());
}
const files =
  units.length === 0
    ? (existsSync(LOG_FOLDER) ? readdirSync(LOG_FOLDER) : []).map((name) => `${LOG_FOLDER}/${name}`)
    : units.map((unit) => logFile(unit.includes(".") ? unit : `${unit}.service`));
const found = files
  .filter((file) => existsSync(file))
  .flatMap((file) => readFileSync(file, "utf8").trimEnd().split("\n").slice(-lines));
if (found.length === 0) process.stdout.write("-- No entries --\n");
else process.stdout.write(`${found.join("\n")}\n`);
