/**
 * `npm run transcript -- [FOLDER]`: plays the first hour in a lab of its own and writes down what the terminals show, to
 * FOLDER/first-hour.txt and FOLDER/first-hour.cast. Takes root, and what `npm start` takes.
 */
import { mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { replaceFile } from "../nix/cachectl/lib/replace-file.ts";
import { openInstance } from "../test/lab/instance.ts";
import { runningEngine } from "../test/lab/world/engine.ts";
import { eraseWorld, raiseWorld } from "../test/lab/world/world.ts";
import { firstHour } from "./transcript/first-hour.ts";
import { Recorder } from "./transcript/recorder.ts";

const title = "The first hour, in the lab: three machines on one, Tailscale and GitHub by their doubles";

/** A letter of its own, so that a lab that runs is left alone. */
const id = "w";

async function main(folder: string): Promise<void> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const root = new URL("../", import.meta.url).pathname;
  await runningEngine(say);
  await eraseWorld(openInstance(id));
  try {
    const world = await raiseWorld(id, say);
    const aliases = new Map([
      [world.instance.dir, "~/lab"],
      [root.replace(/\/$/, ""), "~/nix-binary-cache"],
      [homedir(), "~"],
    ]);
    const recorder = new Recorder(aliases, (text) => void process.stdout.write(text));
    recorder.comment(title);
    await firstHour(world, recorder);
    const secrets = Object.values(world.secrets).filter((secret) => recorder.text().includes(secret.trim()));
    if (secrets.length > 0)
      throw new Error(`${secrets.length} of the operator's secrets are shown: nothing is written.`);
    mkdirSync(folder, { recursive: true });
    replaceFile(join(folder, "first-hour.txt"), recorder.text(), 0o644);
    replaceFile(join(folder, "first-hour.cast"), recorder.cast(title), 0o644);
    say(`wrote ${folder}/first-hour.txt and first-hour.cast (${recorder.seconds} s)`);
  } finally {
    await eraseWorld(openInstance(id));
  }
}

main(resolve(process.argv[2] ?? "docs/transcript")).catch((error: unknown) => {
  console.error(`transcript: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
});
