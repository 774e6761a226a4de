import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterEach, describe, it } from "mocha";
import { githubAccess } from "../../../components/ci-publisher/access.ts";
import {
  checkRepository,
  type RepositoryFacts,
  type RepositoryQuestion,
} from "../../../components/ci-publisher/checks.ts";
import { apiRoot, GithubError } from "../../../components/ci-publisher/github-api.ts";
import { type GithubDouble, githubDouble, healthy, repository, type Table } from "./github-double.ts";

const question: RepositoryQuestion = {
  repository: "me/dotfiles",
  branch: "main",
  auth: "oauth-client",
  managed: false,
  workflowPath: ".github/workflows/nix-cache.yml",
};
const token = "ghp_donotshowme";

describe("the checks of the repository", function () {
  this.timeout(15_000);
  let double: GithubDouble | undefined;
  afterEach(async () => {
    await double?.close();
    double = undefined;
  });

  async function check(table: Table, asked: Partial<RepositoryQuestion> = {}): Promise<RepositoryFacts> {
    double = await githubDouble(table);
    return checkRepository({ ...question, ...asked }, { token, baseUrl: double.baseUrl, timeoutMs: 300, pauseMs: 1 });
  }

  /** The message of the refusal, which must not hold the token. */
  async function refusal(table: Table, asked: Partial<RepositoryQuestion> = {}): Promise<string> {
    try {
      await check(table, asked);
    } catch (error) {
      assert.ok(error instanceof GithubError, String(error));
      assert.ok(!error.message.includes(token) && error.stack?.includes(token) !== true);
      return error.message;
    }
    return assert.fail("nothing was refused");
  }

  it("find the numbers that claims are bound to, asking under /api/v3 with the token", async () => {
    assert.deepEqual(await check(healthy()), {
      id: 4711,
      ownerId: 42,
      environments: "available",
      workflow: undefined,
    });
    assert.ok(double?.requests.every((request) => request.token === `Bearer ${token}`));
  });

  it("bring the workflow that is there, raw or as an old server sends it", async () => {
    const path = "repos/me/dotfiles/contents/.github/workflows/nix-cache.yml";
    assert.equal((await check(healthy({ [path]: { body: "name: x\n" } }))).workflow, "name: x\n");
    await double?.close();
    const content = Buffer.from("name: y\n").toString("base64");
    assert.equal((await check(healthy({ [path]: { body: { content, encoding: "base64" } } }))).workflow, "name: y\n");
  });

  it("say that a repository is not there, or not for this token", async () => {
    assert.match(
      await refusal({}),
      /"me\/dotfiles" does not exist, or the token in GITHUB_TOKEN cannot see it \(404\)/,
    );
  });

  it("name a renamed repository's present name", async () => {
    const message = await refusal({
      "repos/me/dotfiles": { status: 301, headers: { location: "https://api.github.com/repositories/4711" } },
      "repositories/4711": { body: repository({ full_name: "me/house" }) },
    });
    assert.equal(message, 'ci.repository: "me/dotfiles" is now "me/house". Set that name.');
  });

  it("refuse an archived repository and a branch that is not there", async () => {
    assert.match(await refusal(healthy({ "repos/me/dotfiles": { body: repository({ archived: true }) } })), /archived/);
    await double?.close();
    assert.match(await refusal(healthy(), { branch: "trunk" }), /no branch "trunk"/);
  });

  it("name every missing permission at once", async () => {
    const root = "repos/me/dotfiles";
    const refused = ["actions/secrets/public-key", "actions/variables", "environments", "actions/permissions"];
    const message = await refusal(
      healthy({
        [root]: { body: repository({ permissions: { admin: false, push: true } }) },
        [`${root}/branches/main`]: { status: 403 },
        ...Object.fromEntries(refused.map((path) => [`${root}/${path}`, { status: 403 }])),
      }),
    );
    assert.equal(
      message,
      'ci.repository "me/dotfiles": the token in GITHUB_TOKEN lacks the role admin, which environments need; ' +
        "the permission Secrets: read and write; the permission Variables: read and write; the permission Actions: read; " +
        "the permissions Administration: read and write, and with it Environments: read and write; " +
        "the permission Contents: read. Grant it, or use another token.",
    );
  });

  it("name a classic token's missing scopes, the workflow's only where Pulumi commits it", async () => {
    const table = healthy({
      "repos/me/dotfiles": { headers: { "x-oauth-scopes": "gist, public_repo" }, body: repository() },
    });
    await check(table);
    await double?.close();
    assert.match(await refusal(table, { managed: true }), /lacks the scope workflow/);
    await double?.close();
    const own = repository({ private: true, visibility: "private" });
    const narrow = { headers: { "x-oauth-scopes": "public_repo" }, body: own };
    assert.match(await refusal(healthy({ "repos/me/dotfiles": narrow })), /lacks the scope repo/);
  });

  const own = { "repos/me/dotfiles": { body: repository({ private: true, visibility: "private" }) } };
  const org = { id: 42, login: "me", type: "Organization" };
  const orgs = { "repos/me/dotfiles": { body: repository({ private: true, visibility: "private", owner: org }) } };
  for (const [what, table, expected] of [
    [
      "a private repository on the plan Free",
      { ...own, user: { body: { login: "me", plan: { name: "free" } } } },
      "unavailable",
    ],
    [
      "a private repository on the plan Pro",
      { ...own, user: { body: { login: "me", plan: { name: "pro" } } } },
      "available",
    ],
    [
      "somebody else's private repository",
      { ...own, user: { body: { login: "you", plan: { name: "free" } } } },
      "unknown",
    ],
    [
      "an organization's on the plan Free",
      { ...orgs, "orgs/me": { body: { login: "me", plan: { name: "free" } } } },
      "unavailable",
    ],
    [
      "an organization's on the plan Team",
      { ...orgs, "orgs/me": { body: { login: "me", plan: { name: "team" } } } },
      "available",
    ],
    ["an organization's that does not tell its plan", { ...orgs, "orgs/me": { body: { login: "me" } } }, "unknown"],
  ] as const) {
    it(`find environments ${expected} for ${what}`, async () => {
      assert.equal((await check(healthy(table))).environments, expected);
    });
  }

  it("ask nothing of environments where the plan has none", async () => {
    await check(
      healthy({
        ...own,
        user: { body: { login: "me", plan: { name: "free" } } },
        "repos/me/dotfiles/environments": { status: 404 },
      }),
    );
    assert.ok(double?.requests.every(({ path }) => !/\/(environments|actions\/permissions)$/.test(path)));
  });

  it("refuse a subject template of the repository's own, only where the subject counts", async () => {
    const table = healthy({
      "repos/me/dotfiles/actions/oidc/customization/sub": {
        body: { use_default: false, include_claim_keys: ["repo", "actor"] },
      },
    });
    await check(table);
    await double?.close();
    assert.match(await refusal(table, { auth: "workload-identity" }), /its own template .* \(repo, actor\)/);
  });

  it("take the default subject where the server does not know the question", async () => {
    const table = healthy({ "repos/me/dotfiles/actions/oidc/customization/sub": { status: 404 } });
    assert.equal((await check(table, { auth: "workload-identity" })).id, 4711);
  });

  for (const [what, reply, message] of [
    ["refuses the token", { status: 401 }, /refused the token \(401\)/],
    ["fails", { status: 500 }, /GitHub failed \(500\)/],
    [
      "limits the rate for long",
      { status: 429, headers: { "retry-after": "3600" } },
      /rate limit.*Try again in 3600 s/,
    ],
    ["limits the rate as it used to", { status: 403, headers: { "x-ratelimit-remaining": "0" } }, /rate limit/],
    ["answers with a page", { body: "<html>" }, /found no JSON in GitHub's answer \(200\). Is GITHUB_BASE_URL right/],
    ["answers with other JSON", { body: { hello: 1 } }, /not as documented: id, full_name/],
    ["does not answer in time", { hang: true }, /no answer in time/],
  ] as const) {
    it(`say so when GitHub ${what}`, async () => {
      assert.match(await refusal({ "repos/me/dotfiles": reply }), message);
    });
  }

  it("try again after a hiccup, and after as long as GitHub asks", async () => {
    const body = repository();
    const hiccups = [{ status: 502 }, { status: 429, headers: { "retry-after": "0" } }, { body }];
    assert.equal((await check(healthy({ "repos/me/dotfiles": hiccups }))).id, 4711);
  });

  it("ask what is documented, and nothing else", async () => {
    const guide = readFileSync(new URL("../../../components/ci-publisher/ci-publisher.md", import.meta.url), "utf8");
    const documented = [...guide.matchAll(/`GET \/([^`]+)`/g)].map(([, path = ""]) => path);
    const template = (path: string): string =>
      path
        .replace(/^repos\/me\/dotfiles/, "repos/{owner}/{repo}")
        .replace(/branches\/.*/, "branches/{branch}")
        .replace(/contents\/.*/, "contents/{path}")
        .replace(/^orgs\/me/, "orgs/{org}")
        .replace(/^repositories\/\d+/, "repositories/{id}");
    const asked = new Set<string>();
    const note = async (work: Promise<unknown>): Promise<void> => {
      await work;
      for (const { path } of double?.requests ?? []) asked.add(template(path));
      await double?.close();
    };
    const moved = { "repos/me/dotfiles": { status: 301, headers: { location: "https://x/repositories/4711" } } };
    await note(
      check(healthy({ ...own, user: { body: { login: "me" } } }), { auth: "workload-identity", managed: true }),
    );
    await note(check(healthy({ ...orgs, "orgs/me": { body: { login: "me", plan: { name: "team" } } } })));
    await note(refusal({ ...moved, "repositories/4711": { body: repository() } }));
    double = undefined;
    assert.deepEqual([...asked].sort(), documented.sort());
  });

  it("say so when nothing listens", async () => {
    const access = { token, baseUrl: "http://127.0.0.1:9", timeoutMs: 300, pauseMs: 1 };
    await assert.rejects(
      checkRepository(question, access),
      /GET http:\/\/127\.0\.0\.1:9\/api\/v3\/repos\/me\/dotfiles: .*Check the network/,
    );
  });
});

describe("where GitHub's API is", () => {
  for (const [base, expected] of [
    [undefined, "https://api.github.com"],
    ["https://api.github.com/", "https://api.github.com"],
    ["https://github.com/", "https://api.github.com"],
    ["https://api.octo.ghe.com/", "https://api.octo.ghe.com"],
    ["https://git.example.com", "https://git.example.com/api/v3"],
    ["https://git.example.com/api/v3/", "https://git.example.com/api/v3"],
    ["http://127.0.0.1:8080/github/", "http://127.0.0.1:8080/github/api/v3"],
  ] as const) {
    it(`for ${base ?? "no base URL"} is ${expected}`, () => {
      assert.equal(apiRoot(base), expected);
    });
  }

  it("is not where no URL says it", () => {
    assert.throws(() => apiRoot("git.example.com"), /GITHUB_BASE_URL: found "git.example.com", expected a URL/);
  });
});

describe("access to GitHub", () => {
  it("comes from the environment", () => {
    const env = { GITHUB_TOKEN: "t", GITHUB_BASE_URL: "https://git.example.com", GITHUB_OWNER: "Me" };
    assert.deepEqual(githubAccess("me/dotfiles", env), { token: "t", baseUrl: "https://git.example.com" });
  });

  it("needs a token", () => {
    assert.throws(() => githubAccess("me/dotfiles", { GITHUB_TOKEN: "" }), /GITHUB_TOKEN: not set/);
  });

  for (const name of ["GITHUB_OWNER", "GITHUB_ORGANIZATION"]) {
    it(`is refused when ${name} would send the provider to another owner`, () => {
      assert.throws(
        () => githubAccess("me/dotfiles", { GITHUB_TOKEN: "t", [name]: "work" }),
        new RegExp(`${name}: found "work"`),
      );
    });
  }
});
