import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "mocha";
import { parseConfig } from "../../../components/config.ts";
import { stackValues } from "../../../scripts/setup/stack-file.ts";
import { API_KEY, type Fixture, startFixture } from "../lab-tailscale/fixture.ts";
import { workspace, type Workspace } from "./program.ts";

const hostKey = `ssh-ed25519 ${"A".repeat(68)}`;
const scanned = `ssh-ed25519 ${"B".repeat(68)}`;

describe("npm run setup without a terminal", function () {
  // Every case starts the program once or twice; on a busy machine that takes seconds.
  this.timeout(60_000);
  let tailscale: Fixture;
  let here: Workspace;
  before(async () => {
    tailscale = await startFixture();
  });
  after(() => tailscale.close());
  beforeEach(() => {
    here = workspace();
    here.double("nix", `case "$*" in *"flake show"*) echo '{"nixosConfigurations":{"box":{}}}' ;; esac`);
    here.double("ssh-keyscan", `for host; do :; done; echo "$host ${scanned}"`);
    here.double("pulumi", "exit 127");
  });
  afterEach(() => {
    here.remove();
  });

  const run = (...args: readonly string[]) =>
    here.run(args, { TAILSCALE_API_KEY: API_KEY, TAILSCALE_BASE_URL: tailscale.tailscale.url });
  const enough = ["--server", "server", "--host-key", hostKey, "--flake", "github:alice/nixos-config"];

  it("finds out the server's address and its configuration, and writes what the program accepts", async () => {
    const { status, stdout, stderr } = await run(...enough);
    assert.deepEqual([status, stderr], [0, ""]);
    assert.match(stdout, /^wrote Pulumi\.home\.yaml$/m);
    assert.match(stdout, /pulumi up --stack home/);
    const { server, builders } = parseConfig(stackValues(here.read("Pulumi.home.yaml") ?? ""), new Set(), "home");
    assert.deepEqual([server.address, server.configuration, server.hostKey], ["100.80.1.10", "box", hostKey]);
    assert.deepEqual(builders, []);
  });

  it("says all that is missing at once, and writes nothing", async () => {
    const { status, stderr } = await run("--ci", "alice/nixos-config");
    assert.equal(status, 2);
    for (const flag of ["--server ", "--server-address", "--host-key", "--flake", "--configuration", "--ci-outputs"]) {
      assert.ok(stderr.includes(`  ${flag}`), `${flag} in ${stderr}`);
    }
    assert.equal(here.read("Pulumi.home.yaml"), undefined);
  });

  it("takes a host key from the network only when told to", async () => {
    const least = ["--server", "server", "--flake", "github:a/b"];
    const refused = await run(...least);
    assert.equal(refused.status, 2);
    assert.match(refused.stdout, /shows the host key SHA256:/);
    assert.match(refused.stderr, /--trust-host-keys/);
    assert.equal((await run(...least, "--trust-host-keys")).status, 0);
    assert.ok(here.read("Pulumi.home.yaml")?.includes(scanned));
  });

  it("takes answers from a file, and flags before it", async () => {
    const answers = `
server: server
flake: github:alice/nixos-config
host-key: ${hostKey}
disk-budget: 20GiB
machines:
  macbook: { role: ssh, system: aarch64-darwin, hostKey: "${hostKey}" }
`;
    writeFileSync(join(here.folder, "answers.yaml"), answers);
    const { status, stderr } = await run("--answers", "answers.yaml", "--disk-budget", "30GiB", "--stack", "work");
    assert.deepEqual([status, stderr], [0, ""]);
    const config = parseConfig(stackValues(here.read("Pulumi.work.yaml") ?? ""), new Set(), "work");
    assert.equal(config.retention.diskBudget, "30GiB");
    const [macbook] = config.builders;
    assert.deepEqual([macbook?.name, macbook?.install, macbook?.address], ["macbook", "ssh", "100.80.1.30"]);
  });

  it("names what an answers file has too much", async () => {
    writeFileSync(join(here.folder, "answers.yaml"), "servr: x\nmachines: { a: { role: boss } }\n");
    const { status, stderr } = await run("--answers", "answers.yaml");
    assert.equal(status, 2);
    assert.match(stderr, /servr/);
    assert.match(stderr, /machines\.a\.role/);
  });

  it("changes a file that is there only when told to, and says how", async () => {
    await run(...enough);
    const first = here.read("Pulumi.home.yaml");
    const refused = await run("--disk-budget", "7GiB");
    assert.equal(refused.status, 2);
    assert.match(refused.stdout, /^- +diskBudget: 100GiB\n\+ +diskBudget: 7GiB$/m);
    assert.equal(here.read("Pulumi.home.yaml"), first);
    assert.equal((await run("--disk-budget", "7GiB", "--overwrite")).status, 0);
    assert.equal(here.read("Pulumi.home.yaml"), first?.replace("100GiB", "7GiB"));
  });

  it("has nothing to do the second time", async () => {
    await run(...enough);
    const { status, stdout } = await run();
    assert.equal(status, 0);
    assert.match(stdout, /says all this already/);
  });

  it("refuses an answer that the program would refuse, with the program's own words, and writes nothing", async () => {
    const { status, stderr } = await run(...enough, "--disk-budget", "many");
    assert.equal(status, 1);
    assert.match(stderr, /retention\.diskBudget: expected a size such as 100GiB; found "many"/);
    assert.equal(here.read("Pulumi.home.yaml"), undefined);
  });

  it("goes on without a list of machines when Tailscale refuses, and says why", async () => {
    const env = { TAILSCALE_API_KEY: "tskey-api-none", TAILSCALE_BASE_URL: tailscale.tailscale.url };
    const { status, stdout } = await here.run([...enough, "--server-address", "100.64.0.1"], env);
    assert.equal(status, 0);
    assert.match(stdout, /can't be offered: .*Tailscale refused the credential/);
  });

  it("wants to know the tag of Pulumi's OAuth client when that is to give CI its tag", async () => {
    const client = { TAILSCALE_OAUTH_CLIENT_ID: "k1", TAILSCALE_OAUTH_CLIENT_SECRET: "tskey-client-none" };
    const env = { ...client, TAILSCALE_BASE_URL: tailscale.tailscale.url };
    const ci = ["--server-address", "100.64.0.1", "--ci", "a/b", "--ci-outputs", "packages.aarch64-darwin.x"];
    const refused = await here.run([...enough, ...ci, "--no-preview"], env);
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /^ {2}--owners /m);
    const { status } = await here.run([...enough, ...ci, "--no-preview", "--owners", "tag:nix-infra"], env);
    assert.equal(status, 0);
    assert.match(here.read("Pulumi.home.yaml") ?? "", /owners:\n? *(\[|- )tag:nix-infra/);
  });

  it("never prints the credential", async () => {
    const { stdout, stderr } = await run(...enough);
    assert.ok(!`${stdout}${stderr}`.includes(API_KEY));
  });

  it("shows every flag on demand", async () => {
    const { status, stdout } = await run("--help");
    assert.equal(status, 0);
    for (const flag of ["--stack", "--machine", "--answers", "--trust-host-keys", "--ci-auth"])
      assert.ok(stdout.includes(flag));
  });

  describe("with pulumi on PATH (a double that writes down what it is asked)", () => {
    const calls = () => (here.read("calls") ?? "").trim().split("\n");

    function pulumi(exists: boolean, body = ""): void {
      const made = join(here.folder, "made");
      if (exists) writeFileSync(made, "");
      here.double(
        "pulumi",
        `echo "$*" >>"${here.folder}/calls"
case "$*" in
${body}
"stack init"*) touch "${made}" ;;
"config --json"*) test -e "${made}" || { echo "error: no stack named 'home' found" >&2; exit 6; }; echo '{}' ;;
"config set"*) cat >/dev/null ;;
esac`,
      );
    }

    it("makes the stack and runs the preview", async () => {
      pulumi(false);
      const { status, stdout } = await run(...enough);
      assert.equal(status, 0);
      assert.deepEqual(calls().slice(-2), ["stack init home", "preview --stack home"]);
      assert.match(stdout, /\$ pulumi preview --stack home/);
    });

    it("leaves a stack that is there, and makes CI's keys when they are missing", async () => {
      pulumi(true);
      const { status } = await run(
        ...enough,
        "--ci",
        "alice/nixos-config",
        "--ci-outputs",
        "packages.aarch64-darwin.x",
      );
      assert.equal(status, 0);
      const made = calls().filter((call) => !/^(version|config --json)/.test(call));
      assert.deepEqual(made, [
        "config set --secret nix-binary-cache:ciSigningKey --stack home",
        "config set --secret nix-binary-cache:ciSshKey --stack home",
        "preview --stack home",
      ]);
    });

    it("takes an organisation's stack: its file and its keys have the name alone", async () => {
      pulumi(true);
      const ci = ["--ci", "alice/nixos-config", "--ci-outputs", "packages.aarch64-darwin.x"];
      const { status, stdout } = await run("--stack", "acme/home", ...enough, ...ci);
      assert.equal(status, 0);
      assert.match(stdout, /^wrote Pulumi\.home\.yaml$/m);
      assert.match(stdout, /npm run nix-vars -- acme\/home {3}then commit nix\/vars\/home\.json/);
      assert.match(stdout, /ciSigningKey set; its public half is home-ci-/);
      assert.deepEqual(calls().slice(-1), ["preview --stack acme/home"]);
    });

    it("says which step failed, and that the file is written", async () => {
      pulumi(false, '"stack init"*) echo "no backend" >&2; exit 255 ;;');
      const { status, stdout, stderr } = await run(...enough);
      assert.equal(status, 1);
      assert.match(stdout, /wrote Pulumi\.home\.yaml/);
      assert.match(stderr, /pulumi stack init home: ended with 255/);
    });

    it("leaves Pulumi alone with --no-preview", async () => {
      pulumi(false);
      assert.equal((await run(...enough, "--no-preview")).status, 0);
      assert.equal(here.read("calls"), undefined);
    });
  });
});
