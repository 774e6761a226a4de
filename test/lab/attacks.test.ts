/** What a builder's ssh key does not open: against the real sshd and the receiver on the server, each refused and logged. */
import assert from "node:assert/strict";
import { mustSucceed } from "./job/told.ts";
import type { Ended } from "./machines/process.ts";
import { release, testWorld, type TestWorld } from "./world/test-world.ts";
import { pulumi } from "./world/world.ts";

const MINUTE = 60_000;
const AUDIT = "/var/lib/nix-binary-cache/audit.log";

describe("a builder's key, misused", function () {
  this.timeout(2 * MINUTE);
  let world: TestWorld;

  before("raise a lab, and bring the stack up", async function () {
    this.timeout(5 * MINUTE);
    world = await testWorld();
    mustSucceed(await pulumi(world, "up"));
  });
  after("leave nothing behind", () => release(world));

  /** Options and destination of an ssh, sftp or scp call with the Mac's own key. */
  function options(): string[] {
    const key = ["-F", "none", "-i", "/var/lib/nix-binary-cache/keys/ssh", "-o", "IdentitiesOnly=yes"];
    return [...key, "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"];
  }

  function destination(): string {
    return `nix-push@${world.machines.server.address}`;
  }

  function ssh(...words: string[]): Promise<Ended> {
    const all = ["ssh", ...options(), ...words];
    return world.machines.macbook.run(all, { timeoutSeconds: 20, stdin: "" });
  }

  async function auditLines(): Promise<{ outcome: string; kind?: string; builder: string | null }[]> {
    const text = (await world.machines.server.run(["cat", AUDIT])).stdout.trim();
    return text === ""
      ? []
      : text.split("\n").map((line) => JSON.parse(line) as Awaited<ReturnType<typeof auditLines>>[0]);
  }

  it("lets its holder in for what it is for", async () => {
    const { code, stderr } = await ssh(destination(), "status");
    assert.equal(code, 0, stderr);
  });

  const commands = {
    "a shell": [],
    "a command": ["id"],
    "a second command behind an allowed one": ["status; id"],
    "a second line behind an allowed one": ["status\nid"],
    "the store's protocol without writing": ["nix-store --serve"],
    "a garbage collection": ["nix-store --gc"],
    "the daemon's protocol": ["nix-daemon --stdio"],
    "a build": ["nix-build /etc/nixos"],
    "the old scp": ["scp -t /tmp"],
    "sftp's server": ["/usr/lib/openssh/sftp-server"],
    "a text without end": ["x".repeat(100_000)],
  };
  for (const [what, words] of Object.entries(commands)) {
    it(`is refused ${what}, with the reason, and it is logged`, async () => {
      const before = (await auditLines()).length;
      const { code, stdout, stderr } = await ssh(destination(), ...words);
      assert.notEqual(code, 0);
      assert.doesNotMatch(stdout, /uid=/);
      assert.match(stderr, /is refused|no interactive login/);
      const since = (await auditLines()).slice(before);
      assert.deepEqual(
        since.map(({ outcome, kind, builder }) => [outcome, kind, builder]),
        [["refused", "command", "macbook"]],
      );
    });
  }

  it("copies no file, by either of scp's ways, and has no sftp", async () => {
    const { macbook, server } = world.machines;
    await macbook.writeFile("/tmp/loot", "loot", 0o644);
    for (const way of [["-O"], ["-s"]]) {
      const copied = await macbook.run(["scp", ...way, ...options(), "/tmp/loot", `${destination()}:/tmp/loot`]);
      assert.notEqual(copied.code, 0, way.join());
    }
    const listed = await macbook.run(["sftp", ...options(), "-b", "-", destination()], { stdin: "ls /\n" });
    assert.notEqual(listed.code, 0);
    assert.doesNotMatch(listed.stdout, /nix/);
    assert.equal(await server.exists("/tmp/loot"), false);
  });

  it("forwards no port, in either direction", async () => {
    const through = await ssh("-W", "127.0.0.1:5001", destination());
    assert.notEqual(through.code, 0);
    assert.match(through.stderr, /prohibited|refused|open failed/i);
    const back = await ssh("-N", "-o", "ExitOnForwardFailure=yes", "-R", "9902:127.0.0.1:22", destination());
    assert.notEqual(back.code, 0);
    assert.match(back.stderr, /remote port forwarding failed/);
  });

  it("has no terminal, agent, X11 or user's own startup, by sshd's own word", async () => {
    const test = ["/usr/sbin/sshd", "-T", "-C", "user=nix-push,host=macbook,addr=100.64.0.1"];
    const { stdout } = await world.machines.server.must(test);
    for (const line of ["disableforwarding yes", "permittty no", "permituserrc no", "exposeauthinfo yes"]) {
      assert.ok(stdout.split("\n").includes(line), line);
    }
    const file = await world.machines.server.readFile("/var/lib/nix-binary-cache/authorized_keys");
    for (const line of file.split("\n").filter((text) => text.includes("ssh-ed25519"))) {
      assert.match(line, /^restrict,command="receive" /);
    }
  });

  it("opens nothing once it is withdrawn", async () => {
    await world.machines.server.must(["cachectl", "builders", "remove", "macbook"]);
    const { code, stderr } = await ssh(destination(), "status");
    assert.notEqual(code, 0);
    assert.match(stderr, /Permission denied|is no builder's/);
  });
});
