import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { nixPublicKey, renderWorkflow, sshPublicKey, workflowDigest } from "../../../components/ci-publisher/index.ts";
import { settings } from "./variants.ts";

let folder: string;

/** Runs a script of the project with the double of pulumi on PATH. */
function run(script: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const file = new URL(`../../../scripts/${script}`, import.meta.url).pathname;
  return spawnSync(process.execPath, [file, ...args], {
    encoding: "utf8",
    timeout: 20_000,
    env: { PATH: `${join(folder, "bin")}:/usr/bin:/bin`, DOUBLE_LOG: join(folder, "log"), DOUBLE_STATE: folder },
  });
}

function read(name: string): string {
  return readFileSync(join(folder, name), "utf8");
}

describe("the scripts for CI", () => {
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "scripts-"));
    mkdirSync(join(folder, "bin"));
    copyFileSync(new URL("doubles/pulumi", import.meta.url), join(folder, "bin/pulumi"));
    chmodSync(join(folder, "bin/pulumi"), 0o755);
    writeFileSync(join(folder, "log"), "");
    writeFileSync(join(folder, "config.json"), "{}");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  describe("npm run ci-keys", function () {
    this.timeout(30_000);

    it("sets both keys on standard input and shows their public halves alone", () => {
      const { status, stdout, stderr } = run("ci-keys.ts", "--stack", "dev");
      assert.equal(status, 0, stderr);
      const signing = read("ciSigningKey");
      const ssh = read("ciSshKey");
      assert.ok(stdout.includes(nixPublicKey(signing)) && stdout.includes(sshPublicKey(ssh)), stdout);
      assert.match(signing, /^dev-ci-\d{4}-\d\d-\d\d:/);
      const hidden = [signing.split(":")[1] ?? "", ssh.split("\n")[2] ?? ""];
      for (const text of hidden) assert.ok(text.length > 20 && !`${stdout}${stderr}${read("log")}`.includes(text));
    });

    it("leaves a key that is there alone, unless told to replace it", () => {
      writeFileSync(join(folder, "config.json"), '{"nix-binary-cache:ciSigningKey":{"secret":true}}');
      const first = run("ci-keys.ts", "--stack", "dev");
      assert.match(first.stdout, /ciSigningKey is set already/);
      assert.equal(existsSync(join(folder, "ciSigningKey")), false);
      assert.equal(existsSync(join(folder, "ciSshKey")), true);
      assert.equal(run("ci-keys.ts", "--stack", "dev", "--replace").status, 0);
      assert.equal(existsSync(join(folder, "ciSigningKey")), true);
    });

    it("makes no ssh key for Tailscale SSH", () => {
      assert.equal(run("ci-keys.ts", "--stack", "dev", "--tailscale-ssh").status, 0);
      assert.equal(existsSync(join(folder, "ciSshKey")), false);
    });

    it("shows its usage when the stack is missing or an option is unknown", () => {
      for (const args of [[], ["--stak", "dev"]]) {
        const { status, stderr } = run("ci-keys.ts", ...args);
        assert.equal(status, 2);
        assert.match(stderr, /usage: npm run ci-keys/);
      }
    });

    it("fails when Pulumi does", () => {
      rmSync(join(folder, "config.json"));
      const { status, stderr } = run("ci-keys.ts", "--stack", "dev");
      assert.equal(status, 1);
      assert.match(stderr, /^ci-keys: Command failed: pulumi config --json --stack dev/);
    });
  });

  describe("npm run workflow", function () {
    this.timeout(30_000);
    const path = ".github/workflows/nix-cache.yml";
    const text = renderWorkflow(settings);

    /** A stack whose configuration and last update want the workflow of `settings`. */
    function stack(told: object | null = { path, environment: "nix-cache", sha256: workflowDigest(text) }): void {
      const { outputs, paths, branch } = settings;
      const values = {
        server: {
          name: "server",
          address: "100.80.1.10",
          hostKey: `ssh-ed25519 ${"A".repeat(68)}`,
          flake: "github:me/x",
        },
        ci: { enabled: true, repository: "me/dotfiles", auth: "oauth-client", outputs, paths, branch },
      };
      const raw = Object.entries(values).map(([key, value]) => [`nix-binary-cache:${key}`, { objectValue: value }]);
      const secrets = ["ciSigningKey", "ciSshKey"].map((key) => [`nix-binary-cache:${key}`, { secret: true }]);
      writeFileSync(join(folder, "config.json"), JSON.stringify(Object.fromEntries([...raw, ...secrets])));
      writeFileSync(join(folder, "outputs.json"), JSON.stringify({ ciWorkflow: told }));
    }

    it("prints the stack's workflow, or writes it into a checkout", () => {
      stack();
      const { stdout, stderr } = run("workflow.ts", "--stack", "acme/dev");
      assert.deepEqual([stderr, stdout], ["", text]);
      const checkout = join(folder, "checkout");
      mkdirSync(checkout);
      assert.equal(run("workflow.ts", "--stack", "dev", "--into", checkout).status, 0);
      assert.equal(read(`checkout/${path}`), text);
    });

    it("writes none that the last update did not make keys for, or where there is none", () => {
      stack({ path, environment: null, sha256: workflowDigest(text) });
      const changed = run("workflow.ts", "--stack", "dev", "--into", folder);
      assert.deepEqual([changed.status, existsSync(join(folder, ".github"))], [1, false]);
      assert.match(changed.stderr, /has changed since the last update\. Run: pulumi up --stack dev/);
      stack(null);
      assert.match(
        run("workflow.ts", "--stack", "dev").stderr,
        /no output ciWorkflow\. Set ci\.enabled, then: pulumi up/,
      );
    });

    it("shows its usage when the stack is missing", () => {
      assert.equal(run("workflow.ts").status, 2);
    });
  });
});
