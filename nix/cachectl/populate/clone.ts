/** populate's own clone: fetched and reset, never worked in. */
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Git, runGit } from "./git.ts";
import type { GitSource } from "./source.ts";

/** The clone at one commit. */
export interface Checkout {
  readonly folder: string;
  readonly commit: string;
  /** The flake reference that means this commit. */
  readonly reference: string;
}

/** Brings the clone in `folder` to what `source` says. Throws an Error; the clone is then as it was before, or older. */
export async function updateClone(git: Git, source: GitSource, folder: string): Promise<Checkout> {
  if (!(await isCloneOf(git, source.url, folder))) await cloneAnew(git, source.url, folder);
  const { rev, ref = "HEAD" } = source;
  // Not every server hands out a commit by its hash; one that is on no branch is not to be had.
  const refspec = rev === undefined ? ref : "+refs/heads/*:refs/remotes/origin/*";
  const inside = (args: readonly string[], what: string): Promise<string> => runGit(git, ["-C", folder, ...args], what);
  await inside(["fetch", "--quiet", "--force", "--no-tags", "origin", refspec], `fetching ${ref} of ${source.url}`);
  const commit = await inside(["rev-parse", "--verify", `${rev ?? "FETCH_HEAD"}^{commit}`], `finding ${rev ?? ref}`);
  await inside(["checkout", "--quiet", "--force", "--detach", commit], `checking out ${commit}`);
  await inside(["reset", "--quiet", "--hard", commit], `resetting to ${commit}`);
  await inside(["clean", "--quiet", "-ffdx"], "cleaning the clone");
  if (source.submodules) {
    await inside(["submodule", "update", "--quiet", "--init", "--recursive", "--force"], "fetching submodules");
  }
  return { folder, commit, reference: referenceTo(source, folder, commit) };
}

async function isCloneOf(git: Git, url: string, folder: string): Promise<boolean> {
  if (!existsSync(join(folder, ".git"))) return false;
  try {
    return (await runGit(git, ["-C", folder, "config", "remote.origin.url"], "reading the clone")) === url;
  } catch {
    return false;
  }
}

/** Made beside its place, so that a clone that was cut off is never taken for one. */
async function cloneAnew(git: Git, url: string, folder: string): Promise<void> {
  const temporary = `${folder}.new`;
  mkdirSync(dirname(folder), { recursive: true, mode: 0o750 });
  rmSync(temporary, { recursive: true, force: true });
  await runGit(git, ["clone", "--quiet", "--no-checkout", "--no-tags", "--", url, temporary], `cloning ${url}`);
  rmSync(folder, { recursive: true, force: true });
  renameSync(temporary, folder);
}

function referenceTo({ dir, submodules }: GitSource, folder: string, commit: string): string {
  const parameters = new URLSearchParams({
    rev: commit,
    ...(dir !== "" && { dir }),
    ...(submodules && { submodules: "1" }),
  });
  return `git+file://${encodeURI(folder)}?${parameters.toString()}`;
}
