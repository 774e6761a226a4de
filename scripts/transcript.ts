/**
 * `npm run transcript -- [FOLDER]`: plays the first hour in a lab of its own and writes down what the terminals show, to
 * FOLDER/first-hour.txt and FOLDER/first-hour.cast. Takes root, and what `npm start` takes.
 */
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { replaceFile } from "../nix/cachectl/lib/replace-file.ts";
import { testWorld } from "../test/lab/world/test-world.ts";
import { aliases, firstHour, refuseSecrets } from "./transcript/first-hour.ts";
import { Recorder } from "./transcript/recorder.ts";

const title = "The first hour, in the lab: three machines on one, Tailscale and GitHub by their doubles";

async function main(folder: string): Promise<void> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const world = await testWorld(say);
  try {
    const recorder = new Recorder(aliases(world), (text) => void process.stdout.write(text));
    recorder.comment(title);
    await firstHour(world, recorder);
    refuseSecrets(world, recorder);
    mkdirSync(folder, { recursive: true });
    replaceFile(join(folder, "first-hour.txt"), recorder.text(), 0o644);
    replaceFile(join(folder, "first-hour.cast"), recorder.cast(title), 0o644);
    say(`wrote ${folder}/first-hour.txt and first-hour.cast (${recorder.seconds} s)`);
  } finally {
    await world.release();
  }
}

main(resolve(process.argv[2] ?? "docs/transcript")).catch((error: unknown) => {
  console.error(`transcript: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
});
