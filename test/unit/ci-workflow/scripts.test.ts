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
import { nixPublicKey, sshPublicKey } from "../../../components/ci-publisher/index.ts";

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
    const workflow = { path: ".github/workflows/nix-cache.yml", text: "# Generated\nname: x\n" };

    it("prints the stack's workflow, or writes it into a checkout", () => {
      writeFileSync(join(folder, "workflow.json"), JSON.stringify(workflow));
      assert.equal(run("workflow.ts", "--stack", "dev").stdout, workflow.text);
      const checkout = join(folder, "checkout");
      mkdirSync(checkout);
      assert.equal(run("workflow.ts", "--stack", "dev", "--into", checkout).status, 0);
      assert.equal(read(`checkout/${workflow.path}`), workflow.text);
    });

    it("writes no file that is not a workflow's", () => {
      writeFileSync(join(folder, "workflow.json"), JSON.stringify({ ...workflow, path: "../../etc/passwd" }));
      const { status, stderr } = run("workflow.ts", "--stack", "dev", "--into", folder);
      assert.equal(status, 1);
      assert.match(stderr, /its output ciWorkflow is not a workflow\. Run pulumi up first/);
    });

    it("shows its usage when the stack is missing", () => {
      assert.equal(run("workflow.ts").status, 2);
    });
  });
});
