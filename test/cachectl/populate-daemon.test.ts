import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { nixOrSkip } from "../support/nix.ts";
import { processesOf } from "./populate-watch.ts";
import { outcome, PopulateWorld, removeWorlds, system } from "./populate-world.ts";

/** A new group of processes that have so many bytes together, of either version of the kernel's; undefined where there is none. */
function memoryGroup(bytes: number): string | undefined {
  const name = `nix-binary-cache-test-${process.pid}`;
  const forms: readonly [string, string][] = [
    ["/sys/fs/cgroup/memory", "memory.limit_in_bytes"],
    ["/sys/fs/cgroup", "memory.max"],
  ];
  for (const [root, limit] of forms) {
    const group = join(root, name);
    try {
      mkdirSync(group);
      if (existsSync(join(group, limit))) {
        writeFileSync(join(group, limit), String(bytes));
        return group;
      }
      rmdirSync(group);
    } catch {
      // Not mounted, or not ours to write.
    }
  }
  console.warn("      skipped: there is no cgroup here that binds memory");
  return undefined;
}

/** As on a server: the store is root's, and populate a user of its own that only the daemon builds for. */
describe(`populate by Nix's daemon${process.getuid?.() === 0 ? "" : " (skipped: needs root)"}`, function () {
  this.timeout(300_000);
  let world: PopulateWorld;
  let daemon: ChildProcess;

  beforeEach(async function () {
    if (process.getuid?.() !== 0) this.skip();
    world = new PopulateWorld(await nixOrSkip(this));
    world.useFlake("good");
    world.lock();
    world.env.NIX_DAEMON_SOCKET_PATH = join(world.folder, "socket");
    daemon = spawn("nix-daemon", [], { env: world.env, stdio: "ignore" });
    await until("the daemon listens", () => existsSync(join(world.folder, "socket")));
    world.env.NIX_REMOTE = "daemon";
    for (const folder of ["populate", "keys"]) mkdirSync(join(world.state, folder));
    const roots = join(world.env.NIX_BINARY_CACHE_ROOTS ?? "", "populate");
    mkdirSync(roots, { recursive: true });
    execFileSync("chown", ["65534:65534", roots, world.state, join(world.state, "populate")]);
  });
  afterEach(async () => {
    if (process.getuid?.() !== 0) return;
    if (daemon.exitCode === null && daemon.signalCode === null) {
      const gone = outcome(daemon);
      daemon.kill();
      await gone;
    }
    removeWorlds();
  });

  async function until(what: string, holds: () => boolean): Promise<void> {
    const deadline = Date.now() + 60_000;
    while (!holds()) {
      if (Date.now() > deadline) throw new Error(`not within a minute: ${what}\n${processesOf(world).join("\n")}`);
      await sleep(50);
    }
  }

  it("builds, roots and reports as ever; the collector spares it", async () => {
    const { status, stdout, stderr } = await world.callAsNobody(["populate"], []);
    assert.equal(status, 0, stdout + stderr);
    assert.deepEqual(new Set(Object.values(world.statuses())), new Set(["built", "left"]));
    assert.match(stdout, /^5 built, 1 left$/m);
    world.env.NIX_REMOTE = "local";
    world.collectGarbage();
    for (const { paths = [] } of world.result().outputs) assert.ok(paths.every((path) => existsSync(path)));
    world.env.NIX_REMOTE = "daemon";
    assert.equal((await world.callAsNobody(["populate"], [])).status, 0);
    assert.deepEqual(new Set(Object.values(world.statuses())), new Set(["unchanged", "left"]));
  });

  it("called by root runs as the folder's owner, so that the scheduled job can go on from it", async () => {
    const { status, stdout, stderr } = await world.call(["populate"]);
    assert.equal(status, 0, stdout + stderr);
    assert.deepEqual(new Set(Object.values(world.statuses())), new Set(["built", "left"]));
    const files = ["populate.json", "populate/source/flake.nix", "populate/home/.gitconfig", "populate/lock"];
    for (const file of files) assert.equal(lstatSync(join(world.state, file)).uid, 65534, file);
  });

  it("loses a build that eats the memory of all builds, and no other: as MemoryMax of nix-daemon.service has it", async function () {
    const group = memoryGroup(256 * 1024 ** 2);
    if (group === undefined) return this.skip();
    try {
      writeFileSync(join(group, "cgroup.procs"), String(daemon.pid));
      const builds = { a: "echo good >$out", b: "exec tail /dev/zero", c: "echo good, too >$out" };
      const packages = Object.entries(builds).map(
        ([name, script]) =>
          `${name} = derivation { name = "${name}"; system = "@SYSTEM@"; builder = "/bin/sh"; PATH = "/usr/bin:/bin"; args = [ "-c" "${script}" ]; };`,
      );
      world.useText(`{ outputs = _: { packages."@SYSTEM@" = { ${packages.join("\n")} }; }; }\n`);
      const { status, stdout } = await world.callAsNobody(["populate"], []);
      assert.equal(status, 1, stdout);
      assert.deepEqual(Object.values(world.statuses()), ["built", "failed", "built"]);
      assert.match(
        world.output(`packages.${system}.b`).reason ?? "",
        /signal 9.*its memory \(populate\.buildMemoryMax\)/,
      );
      assert.equal(daemon.exitCode, null);
    } finally {
      const gone = outcome(daemon);
      daemon.kill("SIGKILL");
      await gone;
      await until("nothing of it runs", () => readFileSync(join(group, "cgroup.procs"), "utf8") === "");
      rmdirSync(group);
    }
  });

  it("ends a build that hangs, in the daemon too", async () => {
    world.useFlake("gated");
    world.populate.outputs = [`packages.${system}.b`, `packages.${system}.c`];
    world.populate.timeoutMinutes = 0.2;
    const { status, stdout } = await world.callAsNobody(["populate"], []);
    assert.equal(status, 1, stdout);
    assert.equal(world.output(`packages.${system}.b`).reason, "build: not done after 12 s (populate.timeoutMinutes)");
    assert.equal(world.output(`packages.${system}.c`).status, "built");
    await until("no builder runs", () => !processesOf(world).some((line) => line.includes("/gate ]")));
  });
});
