/** Versions of the installed provider packages: the engine takes a plugin only if its version is exactly that. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** Version of the installed @pulumi/`name`, such as "1.2.1". */
export function packageVersion(name: string): string {
  const found: unknown = JSON.parse(readFileSync(require.resolve(`@pulumi/${name}/package.json`), "utf8"));
  return String((found as { version: unknown }).version);
}
