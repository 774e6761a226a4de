/** Files, branches and commits of a repository: enough of git for one file to be put and read. */
import { commitTo, headOf, sha, type Person } from "./commits.ts";
import { existing, Refusal, requireScope, textOf, type Reply, type RepositoryExchange } from "./exchange.ts";
import { pullRoutes, refRoutes } from "./git-routes.ts";
import type { Repository } from "./state.ts";

function describeFile({ root, repository }: RepositoryExchange, path: string, ref: string, blob: string): object {
  const content = repository.blobs[blob] ?? "";
  // The real provider reads `ref` from this URL and panics where it is absent.
  const url = `${root}repos/${repository.owner}/${repository.name}/contents/${path}?ref=${encodeURIComponent(ref)}`;
  const size = Buffer.from(content, "base64").length;
  const [name] = path.split("/").slice(-1);
  return {
    type: "file",
    encoding: "base64",
    size,
    name,
    path,
    content,
    sha: blob,
    url,
    html_url: url,
    download_url: url,
  };
}

function getContents(exchange: RepositoryExchange, path: string, ref: string): Reply {
  const { files } = headOf(exchange.repository, ref).commit;
  const blob = files[path];
  if (blob !== undefined) return { status: 200, body: describeFile(exchange, path, ref, blob) };
  const below = Object.entries(files).filter(([name]) => path === "" || name.startsWith(`${path}/`));
  if (below.length === 0) throw new Refusal(404, "Not Found");
  return { status: 200, body: below.map(([name, each]) => describeFile(exchange, name, ref, each)) };
}

function checkSha(body: Record<string, unknown>, path: string, before: string | undefined): void {
  const given = body.sha;
  if (before !== undefined && given === undefined) textOf(body, "sha");
  if (before !== undefined && given !== before) throw new Refusal(409, `${path} does not match ${String(given)}`);
}

function changeContents(exchange: RepositoryExchange, path: string): Reply {
  const { method, body, repository, token } = exchange;
  // Files that run in CI need a scope of their own.
  if (path.startsWith(".github/workflows/")) requireScope(token, "workflow");
  const branch = textOf(body, "branch", repository.defaultBranch);
  if (repository.branches[branch] === undefined) throw new Refusal(404, `Branch ${branch} not found`);
  const files = { ...headOf(repository, branch).commit.files };
  const before = files[path];
  const author = body.committer as Person | undefined;
  checkSha(body, path, before);
  if (method === "DELETE") {
    existing(before);
    // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- a record read from JSON
    delete files[path];
    const id = commitTo(repository, branch, files, textOf(body, "message"), author);
    return { status: 200, body: { content: null, commit: describeCommit(repository, id) } };
  }
  const content = textOf(body, "content");
  const blob = sha("blob", Buffer.from(content, "base64").toString("latin1"));
  repository.blobs[blob] = content;
  const id = commitTo(repository, branch, { ...files, [path]: blob }, textOf(body, "message"), author);
  const answer = { content: describeFile(exchange, path, branch, blob), commit: describeCommit(repository, id) };
  return { status: before === undefined ? 201 : 200, body: answer };
}

function describeCommit(repository: Repository, id: string): object {
  const commit = existing(repository.commits[id]);
  const { message, author, committer } = commit;
  const files = Object.keys(commit.files).map((filename) => ({ filename }));
  return {
    sha: id,
    message,
    author,
    committer,
    commit: { message, author, committer },
    files,
    parents: commit.parents.map((parent) => ({ sha: parent })),
  };
}

/** Answers `contents…`, `git/…`, `branches/…`, `commits…` and `pulls…`; `parts` begins with one of these. */
export function contentRoutes(exchange: RepositoryExchange): Reply | undefined {
  const { method, parts, query, repository } = exchange;
  const [kind, ...rest] = parts;
  const path = rest.join("/");
  switch (kind) {
    case "contents":
      if (method !== "GET") return changeContents(exchange, path);
      return getContents(exchange, path, query.get("ref") ?? repository.defaultBranch);
    case "git":
      return refRoutes({ ...exchange, parts: rest });
    case "branches": {
      const id = repository.branches[path];
      if (id === undefined) throw new Refusal(404, "Branch not found");
      return { status: 200, body: { name: path, protected: false, commit: { sha: id } } };
    }
    case "commits":
      return { status: 200, body: describeCommit(repository, headOf(repository, path || repository.defaultBranch).id) };
    case "pulls":
      return pullRoutes({ ...exchange, parts: rest });
    default:
      return undefined;
  }
}
