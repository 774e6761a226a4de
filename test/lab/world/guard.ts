/**
 * `node guard.ts ID DIR`: erases the instance once its standard input ends, which is when whoever started it lets go, or
 * has ended, however it ended. What an interrupt at the terminal ends does not include it: it has a session of its own.
 */
import { openInstance } from "../instance.ts";
import { eraseWorld } from "./world.ts";

const [id = "", dir] = process.argv.slice(2);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
process.stdin.resume();
process.stdin.once("close", () => {
  eraseWorld(openInstance(id, dir)).catch((error: unknown) => {
    console.error(`lab ${id}: could not be erased: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  });
});
