import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import type { Paths } from "../lib/paths.ts";

/** The account that takes uploads. */
const account = "nix-push";

/** A user and its group by number. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Makes what the account that takes uploads writes to: `announced`, `compiled` and `audit.log` of the state, `incoming` and
 * `uploads` of the roots; all else of the state stays root's, for the account must not register builders. Without an
 * owner (a caller who is not root can give nothing away) whoever calls keeps them. Changes nothing that is right.
 */
export function ensureState({ state, roots }: Pick<Paths, "state" | "roots">, owner: Owner | undefined): void {
  for (const directory of [state, join(state, "builders"), roots])
    mkdirSync(directory, { recursive: true, mode: 0o755 });
  const give = (file: string, mode: number): void => {
    chmodSync(file, mode);
    if (owner !== undefined) chownSync(file, owner.uid, owner.gid);
  };
  const given: readonly [string, number][] = [
    [join(state, "announced"), 0o750],
    [join(state, "compiled"), 0o700],
    [join(roots, "incoming"), 0o755],
    [join(roots, "uploads"), 0o755],
  ];
  for (const [directory, mode] of given) {
    mkdirSync(directory, { recursive: true });
    give(directory, mode);
  }
  const log = join(state, "audit.log");
  closeSync(openSync(log, "a"));
  give(log, 0o640);
}

/** Who owns it: undefined unless root calls. Throws an Error when the account is not there. */
export function accountOwner(uid = process.getuid?.()): Owner | undefined {
  if (uid !== 0) return undefined;
  try {
    return { uid: numberOf("-u"), gid: numberOf("-g") };
  } catch {
    throw new Error(`found no user ${account}: deploy the server first, it makes the account that takes uploads`);
  }
}

function numberOf(flag: "-u" | "-g"): number {
  return Number(
    execFileSync("id", [flag, account], { encoding: "utf8", timeout: 5000, stdio: ["ignore", "pipe", "ignore"] }),
  );
}
