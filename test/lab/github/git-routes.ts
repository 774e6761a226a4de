/** Branch references and pull requests of a repository. */
import { headOf } from "./commits.ts";
import { existing, Refusal, textOf, type Reply, type RepositoryExchange } from "./exchange.ts";
import type { Pull, Repository } from "./state.ts";

/** Answers `git/…`; `parts` begins after that. */
export function refRoutes({ method, parts, body, repository }: RepositoryExchange): Reply | undefined {
  const [kind, heads, ...name] = parts;
  const branch = name.join("/");
  const describe = (each: string, id: string) => ({ ref: `refs/heads/${each}`, object: { type: "commit", sha: id } });
  if (kind === "ref" && heads === "heads") {
    return { status: 200, body: describe(branch, existing(repository.branches[branch])) };
  }
  if (kind !== "refs") return undefined;
  if (method === "POST") {
    const wanted = textOf(body, "ref").replace(/^refs\/heads\//, "");
    if (repository.branches[wanted] !== undefined) throw new Refusal(422, "Reference already exists");
    const { id } = headOf(repository, textOf(body, "sha"));
    repository.branches[wanted] = id;
    return { status: 201, body: describe(wanted, id) };
  }
  existing(repository.branches[branch]);
  if (method === "DELETE") {
    // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- a record read from JSON
    delete repository.branches[branch];
    return { status: 204 };
  }
  const { id } = headOf(repository, textOf(body, "sha"));
  repository.branches[branch] = id;
  return { status: 200, body: describe(branch, id) };
}

function describePull({ owner, branches }: Repository, pull: Pull): object {
  const end = (ref: string) => ({ ref, label: `${owner}:${ref}`, sha: branches[ref] ?? "" });
  return { ...pull, id: pull.number, head: end(pull.head), base: end(pull.base) };
}

/** Answers `pulls…`; `parts` begins after that. */
export function pullRoutes({ method, parts, query, body, repository }: RepositoryExchange): Reply {
  const [number] = parts;
  if (number !== undefined) {
    const pull = existing(repository.pulls.find((each) => each.number === Number(number)));
    if (method === "PATCH") Object.assign(pull, body);
    return { status: 200, body: describePull(repository, pull) };
  }
  if (method === "POST") {
    const pull: Pull = {
      ...{ number: repository.pulls.length + 1, state: "open", title: textOf(body, "title") },
      ...{ body: textOf(body, "body", ""), head: textOf(body, "head"), base: textOf(body, "base") },
    };
    headOf(repository, pull.base);
    headOf(repository, pull.head);
    const open = repository.pulls.find(
      (each) => each.state === "open" && each.head === pull.head && each.base === pull.base,
    );
    if (open !== undefined)
      throw new Refusal(422, "Validation Failed", [
        { message: `A pull request already exists for ${repository.owner}:${pull.head}.` },
      ]);
    repository.pulls.push(pull);
    return { status: 201, body: describePull(repository, pull) };
  }
  const state = query.get("state") ?? "open";
  const head = query.get("head")?.split(":").at(-1);
  const list = repository.pulls.filter(
    (each) => (state === "all" || each.state === state) && (head === undefined || each.head === head),
  );
  return { status: 200, body: list.map((pull) => describePull(repository, pull)) };
}
