/** `node hold.ts`: raises a lab as a test does, says its letter, and holds it until it is told to end, in whatever way. */
import { testWorld } from "./test-world.ts";

const world = await testWorld((line) => void process.stderr.write(`${line}\n`));
process.stdout.write(`${world.instance.id} ${world.instance.dir}\n`);
setInterval(() => undefined, 60_000);
