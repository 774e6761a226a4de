/** Commits of a repository, each with its whole tree. */
import { createHash } from "node:crypto";
import { Refusal, timestamp } from "./exchange.ts";
import type { Commit, Repository } from "./state.ts";

/** The name git gives to such an object. */
export function sha(kind: string, content: string): string {
  return createHash("sha1")
    .update(`${kind} ${Buffer.byteLength(content)}\0${content}`)
    .digest("hex");
}

/** Who made a commit. */
export interface Person {
  name: string;
  email: string;
}

/** Adds a commit with the whole tree `files` to `branch`; gives its sha. */
export function commitTo(
  repository: Repository,
  branch: string,
  files: Record<string, string>,
  message: string,
  author?: Person,
): string {
  const parent = repository.branches[branch];
  const person = { name: "GitHub", email: "noreply@github.com", ...author, date: timestamp() };
  const parents = parent === undefined ? [] : [parent];
  const commit: Commit = { message, author: person, committer: person, parents, files };
  const id = sha("commit", JSON.stringify([commit, Object.keys(repository.commits).length]));
  repository.commits[id] = commit;
  repository.branches[branch] = id;
  return id;
}

/** The commit at a branch or sha; 404 when there is none. */
export function headOf(repository: Repository, ref: string): { id: string; commit: Commit } {
  const id = repository.branches[ref.replace(/^refs\/heads\//, "")] ?? ref;
  const commit = repository.commits[id];
  if (commit === undefined) throw new Refusal(404, `No commit found for the ref ${ref}`);
  return { id, commit };
}
