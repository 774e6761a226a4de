/** github.RepositoryFile: one commit for each create, update and delete (resource_github_repository_file.go). */
import type { ResourceDouble } from "../shared/double.ts";
import type { Failure } from "../shared/table.ts";
import type { Bag } from "../shared/wire.ts";
import { joinId, texts, type Connection, type GithubClient } from "./client.ts";

/** A file as the contents API gives it. */
interface Content {
  sha: string;
  url: string;
  content: string;
}

interface Written {
  commit: { sha: string };
}

const AUTHOR = ["commitAuthor", "commitEmail"];

function filePath(client: GithubClient, bag: Bag): string {
  const [repository = "", file = ""] = texts(bag, "repository", "file");
  return client.repository(repository, `contents/${file.split("/").map(encodeURIComponent).join("/")}`);
}

async function current(
  client: GithubClient,
  bag: Bag,
  branch: string,
  signal: AbortSignal,
): Promise<Content | undefined> {
  const path = `${filePath(client, bag)}?ref=${encodeURIComponent(branch)}`;
  return client.find<Content>({ method: "GET", path, signal });
}

function commit(bag: Bag, fallback: string, branch: string): Bag {
  const [message = "", name = "", email = ""] = texts(bag, "commitMessage", ...AUTHOR);
  const change: Bag = { message: message || fallback, branch };
  return name === "" || email === "" ? change : { ...change, author: { name, email }, committer: { name, email } };
}

async function write(client: GithubClient, bag: Bag, change: Bag, signal: AbortSignal): Promise<string> {
  const [content = ""] = texts(bag, "content");
  const body = { ...change, content: Buffer.from(content).toString("base64") };
  return (await client.json<Written>({ method: "PUT", path: filePath(client, bag), body, signal })).commit.sha;
}

// What is read back after a write and on refresh.
async function report(
  client: GithubClient,
  bag: Bag,
  branch: string,
  commitSha: string,
  signal: AbortSignal,
): Promise<Bag | undefined> {
  const [repository = ""] = texts(bag, "repository");
  const found = await current(client, bag, branch, signal);
  if (found === undefined) return undefined;
  const path = client.repository(repository, `commits/${commitSha}`);
  const { commit: made } = await client.json<{ commit: { message: string } }>({ method: "GET", path, signal });
  return {
    content: Buffer.from(found.content, "base64").toString("utf8"),
    sha: found.sha,
    ref: new URL(found.url).searchParams.get("ref") ?? branch,
    branch,
    commitSha,
    commitMessage: made.message,
  };
}

function authorPair(inputs: Bag): Failure[] {
  const given = AUTHOR.filter((name) => inputs[name] !== undefined);
  return given.length === 1 ? [{ property: "commitAuthor", reason: `${AUTHOR.join(" and ")} go together` }] : [];
}

/** github.RepositoryFile: an existing file is an error unless overwriteOnCreate. */
export function repositoryFile(connection: Connection): ResourceDouble {
  return {
    inputs: {
      autocreateBranch: "boolean",
      autocreateBranchSourceBranch: "string",
      autocreateBranchSourceSha: "string",
      branch: "string, replaces",
      commitAuthor: "string",
      commitEmail: "string",
      commitMessage: "string",
      content: "string, required",
      file: "string, required, replaces",
      overwriteOnCreate: "boolean",
      repository: "string, required",
    },
    outputs: { commitSha: "string", ref: "string", repositoryId: "number", sha: "string" },
    unknownOnUpdate: ["commitSha", "ref", "sha"],
    alsoReplaces: (changed) => changed.filter((name) => name === "repository"),
    validate: authorPair,
    create: async (inputs, { signal }) => {
      const client = connection();
      const [repository = "", file = "", wanted = ""] = texts(inputs, "repository", "file", "branch");
      const info = { method: "GET", path: client.repository(repository), signal };
      const { id: repositoryId, default_branch: main } = await client.json<{ id: number; default_branch: string }>(
        info,
      );
      const branch = wanted || main;
      if (wanted !== "") await ensureBranch(client, inputs, wanted, signal);
      const existing = await current(client, inputs, branch, signal);
      if (existing !== undefined && inputs.overwriteOnCreate !== true) {
        throw new Error("refusing to overwrite existing file: configure `overwrite_on_create` to `true` to override");
      }
      const change = commit(inputs, `Add ${file}`, branch);
      const sha = await write(
        client,
        inputs,
        existing === undefined ? change : { ...change, sha: existing.sha },
        signal,
      );
      const state = {
        ...(await report(client, inputs, branch, sha, signal)),
        repositoryId,
        autocreateBranchSourceSha: "",
      };
      return { id: joinId(repository, file, branch), state };
    },
    update: async (_id, state, inputs, { signal }) => {
      const [branch = "", blob = "", file = ""] = texts(state, "branch", "sha", "file");
      const change = { ...commit(inputs, `Update ${file}`, branch), sha: blob };
      const sha = await write(connection(), inputs, change, signal);
      return (await report(connection(), inputs, branch, sha, signal)) ?? {};
    },
    read: async (_id, state, { signal }) => {
      const [branch = "", sha = ""] = texts(state, "branch", "commitSha");
      return report(connection(), state, branch, sha, signal);
    },
    delete: async (_id, state, { signal }) => {
      const [branch = "", blob = "", file = ""] = texts(state, "branch", "sha", "file");
      const body = { ...commit(state, `Delete ${file}`, branch), sha: blob };
      await connection().allow([404], { method: "DELETE", path: filePath(connection(), state), body, signal });
    },
  };
}

async function ensureBranch(client: GithubClient, inputs: Bag, branch: string, signal: AbortSignal): Promise<void> {
  const [repository = "", source = ""] = texts(inputs, "repository", "autocreateBranchSourceBranch");
  const get = (path: string) =>
    client.find<{ object: { sha: string } }>({ method: "GET", path: client.repository(repository, path), signal });
  if ((await get(`git/ref/heads/${branch}`)) !== undefined) return;
  const from = inputs.autocreateBranch === true ? await get(`git/ref/heads/${source || "main"}`) : undefined;
  if (from === undefined) {
    throw new Error(`branch ${branch} not found in repository ${repository} or repository is not readable`);
  }
  const body = { ref: `refs/heads/${branch}`, sha: from.object.sha };
  await client.request({ method: "POST", path: client.repository(repository, "git/refs"), body, signal });
}
