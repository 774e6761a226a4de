import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { afterEach, before, beforeEach, describe, it } from "mocha";
import {
  type CiPlan,
  type CiSettings,
  githubProvider,
  prepareCi,
  renderWorkflow,
  workflowDigest,
} from "../../../components/ci-publisher/index.ts";
import { recordMocks } from "../../support/mocks.ts";
import { type GithubDouble, githubDouble, healthy, repository, type Table } from "./github-double.ts";
import { settings as workflowSettings } from "./variants.ts";

const path = "repos/me/dotfiles/contents/.github/workflows/nix-cache.yml";
const settings: CiSettings = {
  ...workflowSettings,
  environment: "nix-cache",
  repository: "me/dotfiles",
  workflow: "rendered",
};

describe("preparing CI", () => {
  let double: GithubDouble;
  let warnings: string[];
  const original = pulumi.log.warn;

  before(async () => {
    await recordMocks();
  });
  beforeEach(() => {
    warnings = [];
    Object.defineProperty(pulumi.log, "warn", {
      configurable: true,
      value: (text: string) => {
        warnings.push(text);
        return Promise.resolve();
      },
    });
  });
  afterEach(async () => {
    Object.defineProperty(pulumi.log, "warn", { configurable: true, value: original });
    await double.close();
  });

  async function prepare(table: Table, overrides: Partial<CiSettings> = {}): Promise<CiPlan> {
    double = await githubDouble(table);
    return prepareCi({ ...settings, ...overrides }, { GITHUB_TOKEN: "t", GITHUB_BASE_URL: double.baseUrl });
  }

  const text = renderWorkflow(workflowSettings);

  it("renders the workflow, and leaves it to its owner", async () => {
    const plan = await prepare(healthy({ [path]: { body: text } }));
    assert.deepEqual(plan, {
      id: 4711,
      ownerId: 42,
      repository: "me/dotfiles",
      environment: "nix-cache",
      told: { path: ".github/workflows/nix-cache.yml", environment: "nix-cache", sha256: workflowDigest(text) },
      workflow: undefined,
    });
    assert.deepEqual(warnings, []);
  });

  it("warns when the workflow is not in the repository, or another one is, with the command that writes it", async () => {
    await prepare(healthy());
    await double.close();
    await prepare(healthy({ [path]: { body: "name: mine\n" } }));
    assert.equal(warnings.length, 2);
    assert.match(
      warnings[0] ?? "",
      /nix-cache\.yml on the branch main of me\/dotfiles is not there\. .*npm run workflow -- --stack dev/,
    );
    assert.match(warnings[1] ?? "", /differs from the one that this stack needs/);
  });

  it("says nothing of the workflow when it is off", async () => {
    await prepare(healthy(), { workflow: "off" });
    assert.deepEqual(warnings, []);
  });

  it("hands the workflow to Pulumi when managed, in place of nothing or of its own older one", async () => {
    const plan = await prepare(healthy({ [path]: { body: renderWorkflow({ ...workflowSettings, branch: "old" }) } }), {
      workflow: "managed",
    });
    assert.deepEqual(plan.workflow, { path: plan.told.path, text });
    assert.deepEqual(warnings, []);
  });

  it("does not let Pulumi overwrite somebody else's workflow", async () => {
    await assert.rejects(
      prepare(healthy({ [path]: { body: "name: mine\n" } }), { workflow: "managed" }),
      /was not written by this program\. Move it away/,
    );
  });

  it("goes without an environment where the plan has none, and says what that means", async () => {
    const own = { body: repository({ private: true, visibility: "private" }) };
    const user = { body: { login: "me", plan: { name: "free" } } };
    const plan = await prepare(healthy({ "repos/me/dotfiles": own, user }), { workflow: "off" });
    assert.deepEqual([plan.environment, plan.told.environment], [undefined, null]);
    const without = renderWorkflow({ ...workflowSettings, environment: undefined });
    assert.doesNotMatch(without, /environment:/);
    assert.equal(plan.told.sha256, workflowDigest(without));
    assert.match(warnings[0] ?? "", /every workflow on every branch of it can read them/);
  });
});

describe("the GitHub provider", () => {
  it("knows the repository's owner, and keeps the token out of the state", async () => {
    const recorder = await recordMocks();
    const before = process.env.GITHUB_TOKEN;
    process.env.GITHUB_TOKEN = "ghp_donotkeepme";
    try {
      githubProvider("github", "me/dotfiles");
      await pulumi.runtime.disconnect();
    } finally {
      if (before === undefined) delete process.env.GITHUB_TOKEN;
      else process.env.GITHUB_TOKEN = before;
    }
    const { inputs } = recorder.find("github");
    assert.equal(inputs.owner, "me");
    assert.equal(inputs.token, undefined);
    assert.doesNotMatch(JSON.stringify(inputs), /donotkeepme/);
  });
});
