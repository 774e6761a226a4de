/** Breakages of what the stack has at GitHub: the token, the repository, the environment, the workflow. */
import { mustSucceed } from "../job/told.ts";
import { pulumi, type World } from "../world/world.ts";
import { type Change, unchanged } from "./breakage.ts";
import { configured, type Fault, github, githubFaults, type StackBreakage } from "./stack-breakage.ts";

const WORKFLOW = "contents/.github/workflows/nix-cache.yml";
const ENVIRONMENT = "environments/nix-cache";
const PORT = `${ENVIRONMENT}/variables/NIX_CACHE_SSH_PORT`;

/** Puts another text in the workflow's place, as somebody does who edits it at GitHub; null takes the file away. */
function edited(edit: (text: string) => string | null): Change {
  let written = "";
  const put = (world: World, content: string, sha: unknown): Promise<unknown> =>
    github(world, "PUT", WORKFLOW, { message: "Edit", branch: "main", content, ...(sha !== undefined && { sha }) });
  return {
    breaks: async (world) => {
      const { sha, content } = await github(world, "GET", `${WORKFLOW}?ref=main`);
      written = String(content);
      const text = edit(Buffer.from(written, "base64").toString("utf8"));
      if (text === null) return github(world, "DELETE", WORKFLOW, { message: "Delete", branch: "main", sha });
      return put(world, Buffer.from(text).toString("base64"), sha);
    },
    mends: async (world) => {
      const { sha } = await github(world, "GET", `${WORKFLOW}?ref=main`).catch(() => ({ sha: undefined }));
      return put(world, written, sha);
    },
  };
}

/** Somebody takes something away at GitHub; what the doctor says mends it. */
function takenAway(path: string): Change {
  return {
    breaks: (world) => github(world, "DELETE", path),
    mends: async (world) => mustSucceed(await pulumi(world, "up", { options: { refresh: true } })),
  };
}

/** The stand-in's tokens are classic ones; a fine-grained one's permissions show only in what is refused. */
function refused(...paths: readonly string[]): Change {
  const faults: readonly Fault[] = paths.map((path) => ({ method: "GET", path, status: 403, times: 5 }));
  return { breaks: (world) => githubFaults(world, faults), mends: (world) => githubFaults(world, []) };
}

const ci = (fields: object): Change =>
  configured((config) => ({ ...config, ci: { ...(config.ci as object), ...fields } }));

const token = (what: string, says: RegExp, GITHUB_TOKEN: string): StackBreakage => ({
  ...{ what, check: "github", says, env: { GITHUB_TOKEN } },
  ...unchanged,
});

const repository = (what: string, says: RegExp, change: Change): StackBreakage => ({
  ...{ what, check: "github", says },
  ...change,
});

export const githubBreakages: readonly StackBreakage[] = [
  token("no token for GitHub", /GITHUB_TOKEN: not set/, ""),
  token("a token that GitHub does not know", /401/, "ghp_gone"),
  repository(
    "a repository that the token does not see",
    /"alice\/nowhere" does not exist, or the token in GITHUB_TOKEN cannot see it/,
    ci({ repository: "alice/nowhere" }),
  ),
  repository("a branch that is not there", /has no branch "release"/, ci({ branch: "release" })),
  repository(
    "a token without permissions",
    /lacks the permission Secrets: read and write; the permission Variables: read and write/,
    refused("actions/secrets/public-key$", "actions/variables$"),
  ),
  repository(
    "a token that may not administer",
    /lacks the permissions Administration: read and write/,
    refused("actions/permissions$"),
  ),
  {
    ...{
      what: "a secret that GitHub has no more",
      check: "ci-secrets",
      says: /GitHub does not have NIX_CACHE_SIGNING_KEY/,
    },
    ...takenAway(`${ENVIRONMENT}/secrets/NIX_CACHE_SIGNING_KEY`),
  },
  {
    ...{
      what: "an environment that is gone",
      check: "ci-secrets",
      says: /GitHub does not have NIX_CACHE_SIGNING_KEY, /,
    },
    ...takenAway(ENVIRONMENT),
  },
  {
    what: "a variable with another value",
    breaks: (world) => github(world, "PATCH", PORT, { name: "NIX_CACHE_SSH_PORT", value: "2222" }),
    mends: (world) => github(world, "PATCH", PORT, { name: "NIX_CACHE_SSH_PORT", value: "22" }),
    ...{ check: "ci-secrets", level: "warning", says: /NIX_CACHE_SSH_PORT is "2222" at GitHub, the stack says "22"/ },
  },
  {
    ...{ what: "a workflow that somebody edited", check: "workflow", level: "warning" },
    ...edited((text) => `${text}# mine\n`),
    says: /nix-cache\.yml on main is another one than the stack's/,
  },
  {
    ...{ what: "a workflow that is gone", check: "workflow", says: /nix-cache\.yml on main is not there/ },
    ...edited(() => null),
  },
  {
    ...{ what: "somebody else's workflow", check: "workflow", says: /nix-cache\.yml on main was not written by this/ },
    ...edited(() => "name: mine\non: push\njobs: {}\n"),
  },
];
