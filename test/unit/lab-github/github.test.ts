/** The stand-in of GitHub, asked over HTTP as a client would. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sodium from "libsodium-wrappers";
import { startGithub, type Github, type GithubOptions } from "../../lab/github/server.ts";
import { openSecrets } from "../../lab/github/vault.ts";

const FULL = "ghp_everything";
const NARROW = "ghp_nothing";
const folder = mkdtempSync(join(tmpdir(), "github-"));
const statePath = join(folder, "state.json");
const OPTIONS: GithubOptions = {
  port: 0,
  statePath,
  tokens: { [FULL]: { login: "octo", scopes: ["repo", "workflow"] }, [NARROW]: { login: "octo", scopes: [] } },
  repositories: [{ fullName: "octo/fleet" }, { fullName: "octo/hidden", private: true }],
  plan: "free",
};
const FLEET = "repos/octo/fleet";
const BRANCHES = { deployment_branch_policy: { protected_branches: false, custom_branch_policies: true } };

describe("the stand-in of GitHub", () => {
  let github: Github;

  before(async () => {
    github = await startGithub(OPTIONS);
  });
  after(async () => {
    await github.close();
    rmSync(folder, { recursive: true });
  });

  async function ask(method: string, path: string, body?: unknown, token: string | undefined = FULL) {
    const headers: Record<string, string> = token === "" ? {} : { authorization: `token ${token}` };
    const response = await fetch(`${github.url}api/v3/${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: (text === "" ? {} : JSON.parse(text)) as Record<string, unknown> };
  }

  async function seal(value: string, path: string): Promise<Record<string, unknown>> {
    await sodium.ready;
    const { key, key_id } = (await ask("GET", `${path}/public-key`)).body;
    const bytes = sodium.from_base64(String(key), sodium.base64_variants.ORIGINAL);
    const box = sodium.to_base64(sodium.crypto_box_seal(value, bytes), sodium.base64_variants.ORIGINAL);
    return { encrypted_value: box, key_id };
  }

  it("wants a token, a good one, and its scopes, and says so in GitHub's form", async () => {
    const { status, body } = await ask("GET", "user", undefined, "");
    assert.deepEqual([status, body.message, body.status], [401, "Requires authentication", "401"]);
    assert.equal((await ask("GET", "user", undefined, "wrong")).body.message, "Bad credentials");
    assert.equal((await ask("POST", `${FLEET}/actions/variables`, { name: "A", value: "b" }, NARROW)).status, 403);
  });

  it("hides a private repository from a token that may not read it", async () => {
    assert.equal((await ask("GET", "repos/octo/hidden", undefined, NARROW)).status, 404);
    assert.equal((await ask("GET", "repos/octo/hidden")).body.private, true);
    assert.equal((await ask("GET", "repos/octo/nothing")).body.message, "Not Found");
  });

  it("knows a repository by its id too", async () => {
    const { id } = (await ask("GET", FLEET)).body;
    assert.equal((await ask("GET", `repositories/${String(id)}`)).body.full_name, "octo/fleet");
    assert.equal((await ask("GET", "repositories/1")).status, 404);
  });

  it("keeps variables; a second POST is a conflict", async () => {
    const path = `${FLEET}/actions/variables`;
    assert.equal((await ask("POST", path, { name: "port", value: "5000" })).status, 201);
    assert.equal((await ask("POST", path, { name: "PORT", value: "1" })).status, 409);
    assert.equal((await ask("PATCH", `${path}/PORT`, { value: "6000" })).status, 204);
    assert.equal((await ask("GET", `${path}/PORT`)).body.value, "6000");
    assert.equal((await ask("DELETE", `${path}/PORT`)).status, 204);
    assert.equal((await ask("GET", `${path}/PORT`)).status, 404);
  });

  it("keeps secrets that it never gives back, and that a test can open from the state's file", async () => {
    const path = `${FLEET}/actions/secrets`;
    assert.equal((await ask("PUT", `${path}/TOKEN`, await seal("s3cret", path))).status, 201);
    assert.equal((await ask("PUT", `${path}/TOKEN`, await seal("s3cret 2", path))).status, 204);
    assert.deepEqual(Object.keys((await ask("GET", `${path}/TOKEN`)).body), ["name", "created_at", "updated_at"]);
    assert.deepEqual(await openSecrets(statePath, "octo/fleet"), { TOKEN: "s3cret 2" });
    assert.ok(!readFileSync(statePath, "utf8").includes("s3cret"));
    assert.ok(!readFileSync(statePath, "utf8").includes(FULL));
  });

  it("refuses a secret that was not sealed with its key, and names that GitHub refuses", async () => {
    const path = `${FLEET}/actions/secrets`;
    const { key_id } = await seal("x", path);
    assert.equal((await ask("PUT", `${path}/A`, { encrypted_value: "AAAA", key_id })).status, 422);
    assert.equal((await ask("PUT", `${path}/GITHUB_A`, await seal("x", path))).status, 422);
  });

  it("keeps environments with secrets of their own and branch policies", async () => {
    const path = `${FLEET}/environments/nix-cache`;
    assert.equal((await ask("PUT", `${path}/secrets/KEY`, {})).status, 404);
    assert.equal((await ask("PUT", path, {})).status, 200);
    assert.equal((await ask("POST", `${path}/deployment-branch-policies`, { name: "main" })).status, 404);
    assert.equal((await ask("PUT", path, BRANCHES)).status, 200);
    const { id } = (await ask("POST", `${path}/deployment-branch-policies`, { name: "main" })).body;
    assert.equal((await ask("GET", `${path}/deployment-branch-policies/${Number(id)}`)).body.name, "main");
    await ask("PUT", `${path}/secrets/KEY`, await seal("deep", `${path}/secrets`));
    assert.deepEqual(await openSecrets(statePath, "octo/fleet", "nix-cache"), { KEY: "deep" });
    assert.equal((await ask("DELETE", path)).status, 204);
    assert.equal((await ask("GET", path)).status, 404);
  });

  it("has the free plan's limits in private repositories", async () => {
    const { status, body } = await ask("PUT", "repos/octo/hidden/environments/e", BRANCHES);
    assert.equal(status, 422);
    assert.match(String(body.message), /billing plan/);
  });

  it("keeps files with commits; a wrong or absent sha is refused", async () => {
    const path = `${FLEET}/contents/.github/workflows/a.yml`;
    const change = { message: "Add a", content: Buffer.from("name: a\n").toString("base64") };
    const made = await ask("PUT", path, change);
    assert.equal(made.status, 201);
    const file = (await ask("GET", `${path}?ref=main`)).body;
    assert.match(String(file.url), /\?ref=main$/);
    assert.equal((await ask("PUT", path, change)).status, 422);
    assert.equal((await ask("PUT", path, { ...change, sha: "0" })).status, 409);
    assert.equal((await ask("PUT", path, { ...change, sha: file.sha })).status, 200);
    assert.equal((await ask("DELETE", path, { message: "Delete a", sha: file.sha })).status, 200);
    assert.equal((await ask("GET", path)).status, 404);
  });

  it("keeps branches and one pull request for each pair", async () => {
    const { sha } = (await ask("GET", `${FLEET}/commits/main`)).body;
    const ref = { ref: "refs/heads/change", sha };
    assert.equal((await ask("POST", `${FLEET}/git/refs`, ref)).status, 201);
    assert.equal((await ask("POST", `${FLEET}/git/refs`, ref)).status, 422);
    const pull = { title: "Change", head: "change", base: "main" };
    assert.equal((await ask("POST", `${FLEET}/pulls`, pull)).body.number, 1);
    assert.equal((await ask("POST", `${FLEET}/pulls`, pull)).status, 422);
  });

  it("tells how OIDC subjects begin", async () => {
    const { body } = await ask("GET", `${FLEET}/actions/oidc/customization/sub`);
    assert.deepEqual([body.use_immutable_subject, body.sub_claim_prefix], [false, "repo:octo/fleet"]);
  });

  it("fails as told to, so many times", async () => {
    const faults = [{ method: "GET", path: "^user$", status: 502, times: 1 }];
    await fetch(`${github.url}lab/faults`, { method: "PUT", body: JSON.stringify({ faults }) });
    assert.equal((await ask("GET", "user")).status, 502);
    assert.equal((await ask("GET", "user")).status, 200);
  });

  it("takes its state up again", async () => {
    await ask("POST", `${FLEET}/actions/variables`, { name: "KEPT", value: "yes" });
    await github.close();
    github = await startGithub(OPTIONS);
    assert.equal((await ask("GET", `${FLEET}/actions/variables/KEPT`)).body.value, "yes");
  });
});
