import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { hostname, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseConfig, type StackConfig } from "../../components/config.ts";
import { secretNames } from "../../components/ci-publisher/names.ts";
import { renderWorkflow, workflowDigest, workflowPath } from "../../components/ci-publisher/workflow.ts";
import { policySettings } from "../../components/tailnet-access/index.ts";
import { merge } from "../../components/tailnet-access/merge.ts";
import { buildPolicy } from "../../components/tailnet-access/policy.ts";
import { diagnose } from "../../nix/cachectl/doctor/diagnose.ts";
import type { Finding, Level } from "../../nix/cachectl/doctor/finding.ts";
import { describeDoctor, reportOf } from "../../nix/cachectl/doctor/report.ts";
import { checks } from "../../scripts/doctor/checks.ts";
import { judgeNixVars } from "../../scripts/doctor/own-checks.ts";
import { wantedInGithub } from "../../scripts/doctor/github-judge.ts";
import { type GithubDouble, githubDouble, healthy, type Table } from "../unit/ci-workflow/github-double.ts";
import { API_KEY, type Fixture, startFixture } from "../unit/lab-tailscale/fixture.ts";

const hostKey = `ssh-ed25519 ${"A".repeat(68)}`;
const livePolicy =
  '{\n  // kept\n  "grants": [{"src": ["autogroup:admin"], "dst": ["autogroup:self"], "ip": ["*"]}],\n}\n';
const repository = "repos/me/dotfiles";
const environment = `${repository}/environments/nix-cache`;

/** A stack on which all is well, until a test changes it. */
class StackWorld {
  readonly folder = mkdtempSync(join(tmpdir(), "nix-binary-cache-stack-"));
  readonly env: NodeJS.ProcessEnv = { ...process.env };
  readonly config: Record<string, unknown> = {
    server: { name: "server", address: "100.80.1.10", hostKey, flake: "path:/etc/nixos" },
    builders: [
      {
        name: "macbook",
        system: "aarch64-darwin",
        address: "100.80.1.30",
        sshKey: hostKey,
        signingKey: `macbook-1:${"A".repeat(43)}=`,
      },
    ],
    ci: { enabled: true, repository: "me/dotfiles" },
  };
  secrets: Record<string, unknown> = Object.fromEntries(
    ["deployKey", "ciSigningKey", "ciSshKey"].map((key) => [key, { secret: true }]),
  );
  outputs: Record<string, unknown> = {};
  history: readonly unknown[] = [
    { kind: "update", result: "succeeded", endTime: new Date(Date.now() - 3600_000).toISOString() },
  ];
  /** What `pulumi whoami` and `pulumi stack export` say: where the state is, and what was cut off. */
  backend = "https://app.pulumi.com/me";
  pending: readonly unknown[] = [];
  inspection = {
    drvPath: "",
    outPath: "/nix/store/new",
    revision: "abc",
    builds: 3,
    fetches: 0,
    size: "",
    current: "/nix/store/new",
    told: [],
  };
  info = "StoreDir: /nix/store\nPriority: 50\n";
  policy = livePolicy;
  /** Of the server, and its tags, as Tailscale lists it. */
  address = "100.80.1.10";
  tags: readonly string[] = ["tag:nix-cache"];
  /** Of an OAuth client that asks in place of the API key. */
  scopes: readonly string[] | undefined;
  github: Table = {};
  readonly cache: Server = createServer((_request, response) => response.end(this.info));
  tailscale: Fixture | undefined;
  githubDouble: GithubDouble | undefined;

  parsed(): StackConfig {
    return parseConfig(this.config, new Set(["deployKey", "ciSigningKey", "ciSshKey"]), "test");
  }

  async build(): Promise<this> {
    this.cache.listen(0, "127.0.0.1");
    await once(this.cache, "listening");
    const cacheUrl = `http://127.0.0.1:${(this.cache.address() as AddressInfo).port}`;
    const config = this.parsed();
    const { ci, server } = config;
    const text = renderWorkflow({ ...ci, environment: ci.environment, ssh: server.ssh, stack: "test" });
    const path = workflowPath(ci.environment);
    this.outputs = {
      cacheUrl,
      publicKeys: ["server-cache-1:x"],
      toplevel: "/nix/store/new",
      ciWorkflow: { path, environment: ci.environment, sha256: workflowDigest(text) },
      nixVars: { stack: "test" },
    };
    this.policy = merge(livePolicy, buildPolicy(policySettings({ config, stack: "test" })));
    const wanted = wantedInGithub(ci.auth, server, cacheUrl, ["server-cache-1:x"]);
    const variables = [...wanted.variables].map(([name, value = "tag:nix-ci"]) => ({ name, value }));
    this.github = healthy({
      [`${repository}/contents/${path}`]: { body: text },
      [`${environment}/secrets`]: { body: { secrets: wanted.secrets.map((name) => ({ name })) } },
      [`${environment}/variables`]: { body: { variables } },
    });
    return this;
  }

  async diagnose(): Promise<readonly Finding[]> {
    this.tailscale = await startFixture({
      policy: this.policy,
      devices: [{ name: "server", addresses: [this.address], tags: this.tags }],
    });
    this.githubDouble = await githubDouble(this.github);
    if (this.scopes !== undefined) await this.#signInAsClient(this.tailscale, this.scopes);
    this.#doubles();
    const { url } = this.tailscale.tailscale;
    const access = {
      TAILSCALE_API_KEY: API_KEY,
      GITHUB_TOKEN: "ghp_x",
      ...this.env,
      TAILSCALE_BASE_URL: url,
      GITHUB_BASE_URL: this.githubDouble.baseUrl,
    };
    const PATH = `${join(this.folder, "doubles")}:${process.env.PATH ?? ""}`;
    const before = process.env.PATH;
    // The inspection of the server takes ssh from this process's own PATH.
    process.env.PATH = PATH;
    try {
      return await diagnose(
        { stack: "test", env: { ...access, PATH }, stop: new AbortController().signal, program: "npm run doctor --" },
        checks,
      );
    } finally {
      process.env.PATH = before;
    }
  }

  async #signInAsClient({ request }: Fixture, scopes: readonly string[]): Promise<void> {
    const tags = ["tag:nix-cache"];
    const { body } = await request("POST", "/api/v2/tailnet/-/keys", { body: { keyType: "client", scopes, tags } });
    this.env.TAILSCALE_API_KEY = "";
    this.env.TAILSCALE_OAUTH_CLIENT_ID = String(body.id);
    this.env.TAILSCALE_OAUTH_CLIENT_SECRET = String(body.key);
  }

  #doubles(): void {
    mkdirSync(join(this.folder, "doubles"));
    for (const name of ["pulumi", "ssh"])
      symlinkSync(resolve("test/cachectl/doctor-doubles/answer"), join(this.folder, "doubles", name));
    const values = Object.entries(this.config).map(
      ([key, value]) => [key, { value: JSON.stringify(value), objectValue: value, secret: false }] as const,
    );
    const all = [...values, ...Object.entries(this.secrets)].map(
      ([key, value]) => [`nix-binary-cache:${key}`, value] as const,
    );
    this.say("pulumi-config", JSON.stringify(Object.fromEntries(all)));
    this.say("pulumi-config-get", "secret");
    this.say("pulumi-stack-output", JSON.stringify(this.outputs));
    this.say("pulumi-stack-history", JSON.stringify(this.history));
    this.say("pulumi-whoami", JSON.stringify({ user: "me", url: this.backend }));
    this.say("pulumi-stack-export", JSON.stringify({ version: 3, deployment: { pending_operations: this.pending } }));
    this.say("ssh", JSON.stringify(this.inspection));
    for (const [name, said] of Object.entries(this.said)) this.say(name, "", 1, said);
  }

  /** The state is in a folder, where an update holds a lock. */
  lock(lock: { readonly pid: number; readonly hostname: string }): void {
    this.backend = `file://${this.folder}`;
    const locks = join(this.folder, ".pulumi/locks/organization/nix-binary-cache");
    const entry = JSON.stringify({ username: "me", timestamp: new Date().toISOString(), ...lock });
    for (const stack of ["test", "other"]) {
      mkdirSync(join(locks, stack), { recursive: true });
      writeFileSync(join(locks, stack, "1.json"), stack === "test" ? entry : "{");
    }
  }

  /** Programs that fail, by what they say. */
  readonly said: Record<string, string> = {};

  say(name: string, out: string, status = 0, err = ""): void {
    for (const [end, text] of Object.entries({ out, err, status: `${status}\n` }))
      writeFileSync(join(this.folder, "doubles", `${name}.${end}`), text);
  }

  async close(): Promise<void> {
    this.cache.closeAllConnections();
    this.cache.close();
    await Promise.all([this.tailscale?.close(), this.githubDouble?.close()]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

interface Failure {
  readonly what: string;
  readonly provoke: (world: StackWorld) => void;
  readonly check: string;
  readonly level: Level;
  readonly says: RegExp;
}

const failures: readonly Failure[] = [
  {
    what: "no such stack",
    provoke: ({ said }) => (said["pulumi-config"] = "error: no stack named 'test' found"),
    check: "pulumi",
    level: "failure",
    says: /no stack named/,
  },
  {
    what: "no passphrase",
    provoke: ({ said }) => (said["pulumi-config"] = "error: passphrase must be set"),
    check: "pulumi",
    level: "failure",
    says: /passphrase/,
  },
  {
    what: "a setting that is none",
    provoke: ({ config }) => (config.retention = { keepDays: 0 }),
    check: "config",
    level: "failure",
    says: /1 problem\(s\):.* retention\.keepDays/,
  },
  {
    what: "a secret in plain text",
    provoke: ({ secrets }) => (secrets.deployKey = { value: "x", secret: false }),
    check: "secrets",
    level: "failure",
    says: /deployKey stands in the configuration as plain text/,
  },
  {
    what: "a secret that is missing",
    provoke: ({ secrets }) => delete secrets.ciSigningKey,
    check: "config",
    level: "failure",
    says: /ciSigningKey/,
  },
  {
    what: "never put up",
    provoke: (world) => (world.history = []),
    check: "update",
    level: "failure",
    says: /never put up/,
  },
  {
    what: "an update that failed",
    provoke: (world) => (world.history = [{ kind: "update", result: "failed" }]),
    check: "update",
    level: "failure",
    says: /ended as "failed"/,
  },
  {
    what: "an update that was cut off",
    provoke: (world) => (world.history = [{ kind: "update", result: "in-progress" }]),
    check: "update",
    level: "warning",
    says: /under way, or was cut off/,
  },
  {
    what: "an update that was cut off, and its lock",
    provoke: (world) => world.lock({ pid: 2 ** 22 + 1, hostname: hostname() }),
    check: "update",
    level: "warning",
    says: /was cut off, and its lock keeps others from beginning \(me@/,
  },
  {
    what: "an update that is under way here",
    provoke: (world) => world.lock({ pid: process.pid, hostname: hostname() }),
    check: "update",
    level: "warning",
    says: /an update is under way \(me@/,
  },
  {
    what: "an update that is under way elsewhere",
    provoke: (world) => world.lock({ pid: 1, hostname: "elsewhere" }),
    check: "update",
    level: "warning",
    says: /began and has not ended \(me@elsewhere, process 1/,
  },
  {
    what: "an update that was cut off while a resource was made",
    provoke: (world) => {
      const urn = "urn:pulumi:test::nix-binary-cache::tailscale:index/acl:Acl::tailnet-policy";
      world.pending = [{ type: "creating", resource: { urn } }];
    },
    check: "update",
    level: "warning",
    says: /cut off while 1 resource changed: creating tailnet-policy/,
  },
  {
    what: "a stack that was destroyed",
    provoke: (world) => (world.history = [{ kind: "destroy", result: "succeeded" }]),
    check: "update",
    level: "failure",
    says: /was destroyed/,
  },
  {
    what: "no credential for Tailscale",
    provoke: ({ env }) => (env.TAILSCALE_API_KEY = ""),
    check: "tailscale",
    level: "failure",
    says: /no credential for Tailscale/,
  },
  {
    what: "a credential that Tailscale does not know",
    provoke: ({ env }) => (env.TAILSCALE_API_KEY = "tskey-api-gone"),
    check: "tailscale",
    level: "failure",
    says: /refused the credential \(401/,
  },
  {
    what: "an OAuth client that may not read the policy",
    provoke: (world) => (world.scopes = ["devices:core"]),
    check: "tailscale",
    level: "failure",
    says: /needs the scope policy_file:read/,
  },
  {
    what: "an OAuth client that may do less than this stack does",
    provoke: (world) => (world.scopes = ["policy_file", "devices:core:read", "devices:posture_attributes:read"]),
    check: "scopes",
    level: "failure",
    says: /lacks the scope devices:posture_attributes, oauth_keys$/,
  },
  {
    what: "a server without its tag",
    provoke: (world) => (world.tags = []),
    check: "devices",
    level: "failure",
    says: /server has not the tag tag:nix-cache/,
  },
  {
    what: "a server at another address",
    provoke: (world) => (world.address = "100.80.1.11"),
    check: "devices",
    level: "failure",
    says: /no machine that may be "server" \(100\.80\.1\.10\)/,
  },
  {
    what: "a policy without this stack's entries",
    provoke: (world) => (world.policy = livePolicy),
    check: "policy",
    level: "warning",
    says: /\d+ lines of this stack's entries are not as they should be/,
  },
  {
    what: "an entry that was changed by hand",
    provoke: (world) => (world.policy = world.policy.replace("tcp:5000", "tcp:5001")),
    check: "policy",
    level: "warning",
    says: /lines of this stack's entries are not as they should be, such as [-+]/,
  },
  {
    what: "a policy that opens everything",
    provoke: (world) => (world.policy = '{"acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}]}'),
    check: "policy",
    level: "failure",
    says: /Tailscale refuses the policy with this stack's entries.*because acls\[0\]/s,
  },
  {
    what: "no token for GitHub",
    provoke: ({ env }) => (env.GITHUB_TOKEN = ""),
    check: "github",
    level: "failure",
    says: /GITHUB_TOKEN: not set/,
  },
  {
    what: "a token without permissions",
    provoke: ({ github }) => (github[`${repository}/actions/secrets/public-key`] = { status: 403 }),
    check: "github",
    level: "failure",
    says: /lacks the permission Secrets/,
  },
  {
    what: "a secret that GitHub does not have",
    provoke: ({ github }) =>
      (github[`${environment}/secrets`] = { body: { secrets: [{ name: secretNames.signingKey }] } }),
    check: "ci-secrets",
    level: "failure",
    says: /GitHub does not have NIX_CACHE_SSH_KEY, TS_OAUTH_CLIENT_ID, TS_OAUTH_SECRET/,
  },
  {
    what: "an environment that is gone",
    provoke: ({ github }) => (github[`${environment}/secrets`] = { status: 404 }),
    check: "ci-secrets",
    level: "failure",
    says: /GitHub does not have/,
  },
  {
    what: "a variable with another value",
    provoke: (world) => (world.outputs.publicKeys = ["server-cache-2:y"]),
    check: "ci-secrets",
    level: "warning",
    says: /NIX_CACHE_PUBLIC_KEYS is "server-cache-1:x" at GitHub, the stack says "server-cache-2:y"/,
  },
  {
    what: "a workflow that was never committed",
    provoke: ({ github }) => (github[`${repository}/contents/${workflowPath("nix-cache")}`] = { status: 404 }),
    check: "workflow",
    level: "failure",
    says: /is not there: nothing is published/,
  },
  {
    what: "a workflow that was edited",
    provoke: ({ github }) =>
      (github[`${repository}/contents/${workflowPath("nix-cache")}`] = {
        body: `${(github[`${repository}/contents/${workflowPath("nix-cache")}`] as { body: string }).body}#\n`,
      }),
    check: "workflow",
    level: "warning",
    says: /is another one than the stack's/,
  },
  {
    what: "somebody else's workflow",
    provoke: ({ github }) => (github[`${repository}/contents/${workflowPath("nix-cache")}`] = { body: "name: mine\n" }),
    check: "workflow",
    level: "failure",
    says: /not written by this program/,
  },
  {
    what: "a cache that is away",
    provoke: ({ cache }) => cache.close(),
    check: "cache",
    level: "failure",
    says: /ECONNREFUSED/,
  },
  {
    what: "another priority than the configuration's",
    provoke: (world) => (world.info = "StoreDir: /nix/store\nPriority: 45\n"),
    check: "cache",
    level: "warning",
    says: /priority 45, the stack says 50/,
  },
  {
    what: "a flake that has moved on",
    provoke: ({ inspection }) => (inspection.outPath = "/nix/store/newer"),
    check: "deployed",
    level: "warning",
    says: /the flake has moved on \(revision abc\): 3 derivations to build/,
  },
  {
    what: "a system that the stack did not deploy",
    provoke: ({ inspection }) => (inspection.current = "/nix/store/by-hand"),
    check: "deployed",
    level: "warning",
    says: /runs by-hand, which this stack did not deploy/,
  },
  {
    what: "a server that refuses the deploy key",
    provoke: ({ said }) => (said.ssh = "root@server: Permission denied (publickey)."),
    check: "deployed",
    level: "failure",
    says: /Permission denied|refuses the credential|does not evaluate/,
  },
];

describe("the stack's doctor", () => {
  let world: StackWorld;
  const said: string[] = [];
  beforeEach(async () => (world = await new StackWorld().build()));
  afterEach(() => world.close());
  after(() => {
    mkdirSync("test/artifacts", { recursive: true });
    writeFileSync("test/artifacts/stack-doctor-failures.txt", `${said.join("\n")}\n`);
  });

  it("finds nothing wrong with a stack that has nothing wrong, but for facts that were not committed and scopes that an API key does not tell", async () => {
    const findings = await world.diagnose();
    assert.deepEqual(
      findings.filter(({ level }) => level !== "ok").map(({ check }) => check),
      ["nix-vars", "scopes"],
    );
    assert.equal(findings.length, 14);
  });

  it("leaves CI alone where it is off", async () => {
    world.config.ci = { enabled: false };
    const { policy } = world;
    const off = policySettings({ config: world.parsed(), stack: "test" });
    world.policy = merge(policy, buildPolicy(off));
    const findings = await world.diagnose();
    assert.deepEqual(
      findings.filter(({ level }) => level === "failure"),
      [],
    );
    assert.deepEqual(
      findings.filter(({ level }) => level === "skipped").map(({ check }) => check),
      ["scopes", "ci-secrets", "workflow"],
    );
  });

  for (const failure of failures) {
    it(`names: ${failure.what} (${failure.check})`, async () => {
      failure.provoke(world);
      const findings = await world.diagnose();
      const found = findings.find(({ check }) => check === failure.check);
      assert.ok(found);
      said.push(
        `${failure.what}\n  ${describeDoctor(reportOf("", [found], 0))
          .split("\n")
          .slice(0, -2)
          .join("\n")}`,
      );
      assert.equal(found.level, failure.level, found.found);
      assert.match(found.found, failure.says);
      assert.ok(found.mend);
      assert.doesNotMatch(JSON.stringify(findings), /tskey-|ghp_x/);
      const others = findings.filter(({ check, level }) => level === "failure" && check !== failure.check);
      assert.deepEqual(others, []);
    });
  }

  it("holds the committed facts against the stack's, whatever the order of their members", () => {
    const judge = (committed: string | undefined): string =>
      judgeNixVars("f", { a: [1, { b: 2, c: 3 }] }, committed, "m").found;
    assert.match(judge(undefined), /is not there/);
    assert.match(judge('{"a": [1, {"c": 3, "b": 2}]}'), /is what the stack says/);
    for (const other of ['{"a": [1, {"c": 3}]}', '{"a": [{"c": 3, "b": 2}, 1]}', "[]", "no JSON"])
      assert.match(judge(other), /is not what the stack says/);
  });
});
