import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Check } from "../check.ts";
import { failure, ok, skipped, warning, type Verdict } from "../finding.ts";
import { publicHalf } from "../../keys/signing-key.ts";

export const serverKeysCheck: Check = {
  name: "server-keys",
  roles: ["server"],
  run: ({ settings: { signingDirectory = "", signingKeys, publicKeys } }) => {
    const files = signingKeys.map((name) => keyFile(join(signingDirectory, `${name}.secret`)));
    return judgeServerKeys(files, publicKeys);
  },
};

/** A secret key's file: its public half, or what is wrong with it. The secret half is let go of at once. */
export interface KeyFile {
  readonly file: string;
  readonly open: boolean;
  readonly publicKey?: string;
  readonly problem?: "absent" | "unreadable" | "damaged";
}

function keyFile(file: string): KeyFile {
  let text;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    return { file, open: false, problem: (error as NodeJS.ErrnoException).code === "ENOENT" ? "absent" : "unreadable" };
  }
  const open = (statSync(file).mode & 0o077) !== 0;
  try {
    return { file, open, publicKey: publicHalf(text) };
  } catch {
    return { file, open, problem: "damaged" };
  }
}

/** `trusted`: the public keys that clients are given; a key that is not among them signs for nobody. */
export function judgeServerKeys(keys: readonly KeyFile[], trusted: readonly string[]): Verdict {
  for (const { file, open, problem, publicKey } of keys) {
    if (problem === "unreadable") return skipped(`${file} is root's: sudo cachectl doctor`);
    if (problem === "absent") return failure(`${file} is not there: nothing can be signed`, "pulumi up makes it");
    if (problem === "damaged") {
      return failure(
        `${file} is no signing key`,
        "put it back from a backup; or move it away, pulumi up, and give clients the new key",
      );
    }
    if (open)
      return failure(
        `${file} can be read by others`,
        `chmod 400 ${file}; if somebody may have read it, rotate it: signing.keys`,
      );
    if (trusted.length > 0 && publicKey !== undefined && !trusted.includes(publicKey)) {
      return failure(
        `${file} is not one of the keys that clients trust`,
        "npm run nix-vars, rebuild the machines; until then put the former key first",
      );
    }
  }
  const [first] = keys;
  if (first !== undefined && trusted.length === 0) {
    return warning(
      "there; config.json does not say yet which keys clients are given",
      "npm run nix-vars -- STACK, commit it, pulumi up",
    );
  }
  return first === undefined
    ? skipped("config.json names no key")
    : ok(`${keys.length} there, root's alone; clients trust them`);
}
