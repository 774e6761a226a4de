/**
 * Runs the stand-in of GitHub as a process: `node main.ts OPTIONS.json` (the fields of GithubOptions). Prints `{"url"}`
 * once it answers; SIGTERM or SIGINT ends it.
 */
import { readFileSync } from "node:fs";
import { startGithub, type GithubOptions } from "./server.ts";

const [path] = process.argv.slice(2);
if (path === undefined) {
  process.stderr.write("usage: node main.ts OPTIONS.json\n");
  process.exit(2);
}
const github = await startGithub(JSON.parse(readFileSync(path, "utf8")) as GithubOptions);
process.stdout.write(`${JSON.stringify({ url: github.url })}\n`);
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void github.close().then(() => process.exit(0)));
