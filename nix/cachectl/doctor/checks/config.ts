import { existsSync } from "node:fs";
import { everywhere, type Check } from "../check.ts";
import { failure, ok, type Verdict } from "../finding.ts";
import type { Machine } from "../machine.ts";

export const configCheck: Check = {
  name: "config",
  roles: everywhere,
  run: (machine) => judgeConfig(machine, existsSync(machine.paths.config)),
};

/** `exists`: whether there is a file, which may be no JSON all the same. */
export function judgeConfig(
  { config, settings, paths }: Pick<Machine, "config" | "settings" | "paths">,
  exists: boolean,
): Verdict {
  if (exists && config === undefined) {
    return failure(
      `${paths.config} can't be read or is no JSON`,
      "sudo cachectl doctor; if it says so too, put the file there again: pulumi up, or rebuild this machine's configuration",
    );
  }
  const { role, name } = settings;
  if (role === "client") return ok(exists ? "a client" : `a client (no ${paths.config})`);
  return ok(role === "server" ? `the server${name === undefined ? "" : ` (${name})`}` : `the builder ${name ?? ""}`);
}
