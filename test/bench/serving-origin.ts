/** Harmonia, or the lab's double of it, over the benchmark's store. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { accepts, environment, freePort } from "../nix/serving-tools.ts";
import { nix, type BenchStore } from "./serving-store.ts";

/** What answers behind nginx. */
export interface Origin {
  /** `Harmonia`, or a name that says that it is the double. */
  readonly name: string;
  /** Whether its figures count. */
  readonly real: boolean;
  readonly address: string;
  readonly pid: number;
  stop(): Promise<void>;
}

const double = join(import.meta.dirname, "..", "lab", "origin", "main.ts");

/** Starts the program that HARMONIA names, or the double. Both take the same settings. */
export async function startOrigin(folder: string, store: BenchStore): Promise<Origin> {
  const program = process.env.HARMONIA;
  const port = await freePort();
  const [secret, config] = [join(folder, "key.secret"), join(folder, "harmonia.toml")];
  nix("nix-store", ["--generate-binary-cache-key", "bench-1", secret, join(folder, "key.pub")]);
  const settings = [
    `bind = "127.0.0.1:${port}"`,
    "priority = 50",
    "workers = 4",
    `real_nix_store = "${store.folder}/nix/store"`,
    `nix_db_path = "${store.folder}/nix/var/nix/db/db.sqlite"`,
  ];
  writeFileSync(config, `${settings.join("\n")}\n`);
  const [command = "", ...args] = program === undefined ? [process.execPath, double] : [program];
  const env = { ...environment, CONFIG_FILE: config, SIGN_KEY_PATHS: secret, RUST_LOG: "error" };
  const child = spawn(command, args, { env, stdio: ["ignore", "ignore", "inherit"] });
  await listening(child, port);
  return {
    name: program === undefined ? "the double of Harmonia" : "Harmonia",
    real: program !== undefined,
    address: `127.0.0.1:${port}`,
    pid: child.pid ?? 0,
    stop: () => end(child),
  };
}

async function listening(child: ChildProcess, port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (child.exitCode !== null) throw new Error(`the origin ended with status ${child.exitCode}`);
    if (await accepts(port)) return;
    await sleep(50);
  }
  await end(child);
  throw new Error("the origin did not listen within ten seconds");
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), 5000);
  await ended;
  clearTimeout(late);
}
