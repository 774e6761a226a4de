/** Offers an updated lock to people: a commit on a branch of its own. */
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import type { Checkout } from "./clone.ts";
import { committer, type Git, runGit } from "./git.ts";

/** The branch is populate's alone: each push replaces the one before, on top of what is built. */
export const lockBranch = "nix-binary-cache/update-lock";

/** What came of it. */
export interface Push {
  readonly branch: string;
  /** The commit that is there now. */
  readonly commit: string;
  /** false: it was there already. */
  readonly pushed: boolean;
}

/**
 * Commits the lock in `file` and pushes it. Throws an Error, and pushes nothing, for root, for a branch that others have
 * committed to, and when git fails. The clone is left with the commit checked out: the next run resets it.
 *
 * @param dir the flake's folder in the repository
 * @param report what the commit's message says of the builds
 */
export async function pushLock(git: Git, checkout: Checkout, dir: string, file: string, report: string): Promise<Push> {
  if (process.getuid?.() === 0) {
    throw new Error("root does not commit: run populate as its own user, or set populate.lock to update");
  }
  const inside = (args: readonly string[], what: string): Promise<string> =>
    runGit(git, ["-C", checkout.folder, ...args], what);
  const lock = dir === "" ? "flake.lock" : `${dir}/flake.lock`;
  copyFileSync(file, join(checkout.folder, lock));
  await inside(["add", "--", lock], "adding the lock");
  const tree = await inside(["write-tree"], "writing the tree");
  const before = await remoteTip(inside);
  if (before !== undefined && (await isTheSame(inside, before, tree, checkout.commit))) {
    return { branch: lockBranch, commit: before, pushed: false };
  }
  const message = ["-m", "flake.lock: update", "-m", report];
  const commit = await inside(["commit-tree", tree, "-p", checkout.commit, ...message], "committing the lock");
  const lease = `--force-with-lease=refs/heads/${lockBranch}:${before ?? ""}`;
  await inside(["push", "--quiet", lease, "origin", `${commit}:refs/heads/${lockBranch}`], `pushing ${lockBranch}`);
  return { branch: lockBranch, commit, pushed: true };
}

type Inside = (args: readonly string[], what: string) => Promise<string>;

/** The branch as the remote has it, fetched. Throws an Error when its last commit is somebody else's. */
async function remoteTip(inside: Inside): Promise<string | undefined> {
  const listed = await inside(["ls-remote", "origin", `refs/heads/${lockBranch}`], "looking at the branch");
  const tip = listed.split(/\s/)[0];
  if (tip === undefined || tip === "") return undefined;
  await inside(["fetch", "--quiet", "--no-tags", "origin", `refs/heads/${lockBranch}`], "fetching the branch");
  const email = await inside(["log", "-1", "--format=%ce", tip], "reading the branch");
  if (email === committer.email) return tip;
  throw new Error(
    `${lockBranch} has a commit of ${email}: merge it or delete the branch, then the next run pushes again`,
  );
}

async function isTheSame(inside: Inside, tip: string, tree: string, parent: string): Promise<boolean> {
  const found = await inside(["log", "-1", "--format=%T %P", tip], "reading the branch");
  return found === `${tree} ${parent}`;
}
