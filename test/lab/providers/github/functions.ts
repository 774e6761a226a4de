/** github.getRepository, github.getBranch and github.getRepositoryFile. */
import type { FunctionDouble } from "../shared/double.ts";
import type { Bag, Wire } from "../shared/wire.ts";
import { joinId, texts, type Connection } from "./client.ts";

const BOOLEANS =
  "allowAutoMerge allowForking allowMergeCommit allowRebaseMerge allowSquashMerge allowUpdateBranch archived deleteBranchOnMerge fork hasDiscussions hasDownloads hasIssues hasProjects hasWiki isTemplate private";
const STRINGS =
  "defaultBranch description fullName gitCloneUrl homepageUrl htmlUrl httpCloneUrl mergeCommitMessage mergeCommitTitle name nodeId primaryLanguage squashMergeCommitMessage squashMergeCommitTitle sshCloneUrl svnUrl visibility";
const LISTS = "pages repositoryLicenses templates topics";

// Outputs whose name in the API is not the same words with underscores.
const RENAMED: Record<string, string> = {
  gitCloneUrl: "git_url",
  homepageUrl: "homepage",
  httpCloneUrl: "clone_url",
  primaryLanguage: "language",
  sshCloneUrl: "ssh_url",
};

function apiName(output: string): string {
  return RENAMED[output] ?? output.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function repositoryOutputs(found: Bag): Bag {
  const fill = (names: string, empty: Wire): Bag =>
    Object.fromEntries(names.split(" ").map((name) => [name, found[apiName(name)] ?? empty]));
  const lists = Object.fromEntries(LISTS.split(" ").map((name) => [name, []]));
  const outputs = { ...fill(BOOLEANS, false), ...fill(STRINGS, ""), ...lists };
  return { ...outputs, topics: found.topics ?? [], id: found.name ?? "", repoId: found.id ?? 0 };
}

/** github.getRepository by `fullName` (owner/name) or `name`. */
export function getRepository(connection: Connection): FunctionDouble {
  return {
    inputs: { description: "string", fullName: "string", homepageUrl: "string", name: "string" },
    outputs: [...`${BOOLEANS} ${STRINGS} ${LISTS}`.split(" "), "id", "repoId"],
    invoke: async (inputs, signal) => {
      const [fullName = "", name = ""] = texts(inputs, "fullName", "name");
      if ((fullName === "") === (name === ""))
        throw new Error("one of fullName and name must be given to getRepository");
      const path = connection().repository(fullName || name);
      return repositoryOutputs(await connection().json<Bag>({ method: "GET", path, signal }));
    },
  };
}

/** github.getBranch */
export function getBranch(connection: Connection): FunctionDouble {
  return {
    inputs: { branch: "string, required, replaces", repository: "string, required, replaces" },
    outputs: ["branch", "etag", "id", "ref", "repository", "sha"],
    invoke: async (inputs, signal) => {
      const [repository = "", branch = ""] = texts(inputs, "repository", "branch");
      const path = connection().repository(repository, `git/ref/heads/${branch}`);
      const found = await connection().json<{ ref: string; object: { sha: string } }>({ method: "GET", path, signal });
      return { repository, branch, etag: "", id: joinId(repository, branch), ref: found.ref, sha: found.object.sha };
    },
  };
}

/** github.getRepositoryFile */
export function getRepositoryFile(connection: Connection): FunctionDouble {
  return {
    inputs: { branch: "string", file: "string, required", repository: "string, required" },
    outputs: "branch commitAuthor commitEmail commitMessage commitSha content file id ref repository sha".split(" "),
    invoke: async (inputs, signal) => {
      const [repository = "", file = "", branch = ""] = texts(inputs, "repository", "file", "branch");
      const query = branch === "" ? "" : `?ref=${encodeURIComponent(branch)}`;
      const path = connection().repository(repository, `contents/${file}${query}`);
      const found = await connection().json<{ content: string; sha: string; url: string }>({
        method: "GET",
        path,
        signal,
      });
      const ref = new URL(found.url).searchParams.get("ref") ?? branch;
      return {
        ...{ repository, file, branch, ref, id: `${repository}/${file}`, sha: found.sha },
        ...{ commitAuthor: "", commitEmail: "", commitMessage: "", commitSha: "" },
        content: Buffer.from(found.content, "base64").toString("utf8"),
      };
    },
  };
}
