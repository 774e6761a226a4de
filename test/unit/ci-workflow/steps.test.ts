import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { renderWorkflow } from "../../../components/ci-publisher/index.ts";
import { type Contexts, type Outcome, runJob } from "./runner.ts";
import { settings } from "./variants.ts";

const secrets = {
  NIX_CACHE_SIGNING_KEY: "ci-1:c2VjcmV0",
  NIX_CACHE_SSH_KEY: "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----",
};
const contexts: Contexts = {
  secrets,
  vars: { NIX_CACHE_SERVER: "100.64.0.1", NIX_CACHE_SSH_PORT: "2222", NIX_CACHE_HOST_KEY: "ssh-ed25519 AAAAhost" },
  matrix: { output: "darwinConfigurations.macbook.system" },
};

describe("the steps of the CI workflow", function () {
  this.timeout(30_000);
  let folder: string;
  let log: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "runner-"));
    log = join(folder, "log");
    cpSync(new URL("doubles", import.meta.url), join(folder, "bin"), { recursive: true });
    for (const name of readdirSync(join(folder, "bin"))) chmodSync(join(folder, "bin", name), 0o755);
    for (const name of ["log", "env", "summary.md", "output"]) writeFileSync(join(folder, name), "");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function read(name: string): string {
    return readFileSync(join(folder, name), "utf8");
  }

  /** Runs a program as GitHub does for `shell: sh`, and gathers what it says. */
  function execute(script: string, env: Readonly<Record<string, string>>): Promise<number> {
    writeFileSync(join(folder, "step.sh"), script);
    const child = spawn("sh", ["-e", join(folder, "step.sh")], {
      cwd: folder,
      timeout: 10_000,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        PATH: `${join(folder, "bin")}:/usr/bin:/bin`,
        RUNNER_TEMP: folder,
        GITHUB_ENV: join(folder, "env"),
        GITHUB_STEP_SUMMARY: join(folder, "summary.md"),
        DOUBLE_LOG: log,
        DOUBLE_STATE: folder,
        ...env,
      },
    });
    const keep = (chunk: Buffer): void => writeFileSync(join(folder, "output"), chunk, { flag: "a" });
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    return new Promise((resolve) => child.once("close", (code) => resolve(code ?? -1)));
  }

  function run(given: Contexts = contexts, ssh: "openssh" | "tailscale" = "openssh"): Promise<Outcome> {
    return runJob(renderWorkflow({ ...settings, ssh }), given, execute, () => Promise.resolve(read("env")));
  }

  const built = "  /nix/store/c-tool\n  /nix/store/d-system\n";

  it("build, sign what was built here, announce it, copy it, commit it, in this order", async () => {
    const outcome = await run();
    assert.deepEqual(
      outcome.filter(({ ok }) => !ok),
      [],
      read("output"),
    );
    const work = join(folder, "nix-cache");
    const sign = /nix store sign --key-file \S+ (.*)/.exec(read("log"))?.[1];
    assert.equal(sign, "/nix/store/c-tool /nix/store/d-system");
    assert.equal(
      read("log").slice(read("log").indexOf("ssh nix-cache announce")),
      `ssh nix-cache announce\n${built}` +
        "nix copy --to ssh://nix-cache --substitute-on-destination --stdin\n" +
        `NIX_SSHOPTS -F ${work}/ssh_config\n${built}` +
        `ssh nix-cache commit\n${built}` +
        "nix path-info --size /nix/store/c-tool /nix/store/d-system\n",
    );
    assert.match(read("log"), /nix build .* \.#darwinConfigurations\.macbook\.system\n/);
  });

  it("give the signing key to Nix alone, and leave neither key on the runner", async () => {
    await run();
    assert.equal(read("key-seen"), secrets.NIX_CACHE_SIGNING_KEY);
    assert.equal(existsSync(join(folder, "nix-cache")), false);
    for (const name of ["log", "env", "output", "summary.md"]) assert.doesNotMatch(read(name), /c2VjcmV0/, name);
  });

  it("pin the server's host key under its own name", async () => {
    await run();
    const config = read("ssh_config");
    for (const line of [
      "HostName 100.64.0.1",
      "Port 2222",
      "User nix-push",
      "HostKeyAlias nix-cache",
      "StrictHostKeyChecking yes",
      "BatchMode yes",
      `IdentityFile ${folder}/nix-cache/identity`,
    ]) {
      assert.ok(config.includes(`  ${line}\n`), `${line} in:\n${config}`);
    }
  });

  it("need no ssh key where Tailscale is the ssh server", async () => {
    const outcome = await run({ ...contexts, secrets: { NIX_CACHE_SIGNING_KEY: "ci-1:c2VjcmV0" } }, "tailscale");
    assert.ok(outcome.every(({ ok }) => ok));
    assert.doesNotMatch(read("ssh_config"), /IdentityFile/);
  });

  it("say on the run's page what was built, fetched and published", async () => {
    await run();
    const summary = read("summary.md");
    assert.match(summary, /`darwinConfigurations\.macbook\.system`: published/);
    assert.match(summary, /built here \| 2 \| 2\.0 MiB, in \d+ s/);
    assert.match(summary, /fetched \| 2 \|/);
    assert.match(summary, /announced to the server \| 2 \|/);
  });

  it("take macOS's DNS back and look a name up on the tailnet once", async () => {
    const vars = { ...contexts.vars, NIX_CACHE_SERVER: "server" };
    await run({ ...contexts, vars });
    assert.equal(
      read("log").slice(0, read("log").indexOf("ssh ")),
      "sudo networksetup -setdnsservers Ethernet Empty\n" +
        "sudo networksetup -setsearchdomains Ethernet Empty\n" +
        "sudo dscacheutil -flushcache\n" +
        "sudo tee -a /etc/hosts\n  100.64.0.7 server\n",
    );
  });

  for (const [what, error, message, attempts] of [
    ["the host key is another", "Host key verification failed.", /Wrong host key/, 1],
    ["the runner's key is not registered", "nix-push@server: Permission denied (publickey).", /Refused/, 1],
    [
      "the tailnet's policy has no rule for the runner",
      "tailscale: tailnet policy does not permit you to SSH to this node\nConnection closed by 100.64.0.1 port 22",
      /Refused by the tailnet/,
      1,
    ],
    [
      "the server has no account for uploads",
      'tailscale: failed to look up local user "nix-push" \nConnection closed by 100.64.0.1 port 22',
      /No such account/,
      1,
    ],
    [
      "a rule asks for a person",
      "# Tailscale SSH requires an additional check.\n# To authenticate, visit: https://login.tailscale.com/a/1",
      /A person is asked for/,
      1,
    ],
    ["the server does not answer", "ssh: connect to host: Connection timed out", /No connection/, 8],
  ] as const) {
    it(`stop before building when ${what}`, async () => {
      writeFileSync(join(folder, "ssh-error"), error);
      const outcome = await run();
      assert.deepEqual(outcome, [
        { step: "Repair DNS", ok: true },
        { step: "Connect to the cache", ok: false },
        { step: "Finish", ok: true },
      ]);
      assert.match(read("output"), message);
      assert.equal(read("log").split("ssh nix-cache status").length - 1, attempts);
      assert.match(read("summary.md"), /\*\*not published\*\*/);
    });
  }

  it("neither sign nor announce anything when the build fails", async () => {
    writeFileSync(join(folder, "build-fails"), "");
    const outcome = await run();
    assert.deepEqual(outcome.map(({ step }) => step).slice(2), ["Build", "Finish"]);
    assert.doesNotMatch(read("log"), /announce|sign|copy/);
  });

  it("copy three times before they give up, and never commit what did not arrive", async () => {
    writeFileSync(join(folder, "copy-fails"), "");
    const outcome = await run();
    assert.deepEqual(outcome.at(-2), { step: "Copy", ok: false });
    assert.equal(read("log").split("nix copy").length - 1, 3);
    assert.doesNotMatch(read("log"), /commit/);
    assert.match(read("output"), /Upload failed/);
  });

  it("say so when a secret is missing, instead of publishing unsigned paths", async () => {
    const outcome = await run({ ...contexts, secrets: { NIX_CACHE_SSH_KEY: secrets.NIX_CACHE_SSH_KEY } });
    assert.deepEqual(outcome.at(-2), { step: "Sign", ok: false });
    assert.match(read("output"), /NIX_CACHE_SIGNING_KEY: the repository has no secret of this name/);
  });
});
