import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nixOrSkip } from "../support/nix.ts";
import { PopulateWorld, removeWorlds } from "./populate-world.ts";

/** Small outputs and one of 24 MiB; it is the last, since without a sandbox Nix leaves what a failed build wrote. */
const flake = `{
  outputs = _:
    let
      run = name: script: derivation {
        inherit name;
        system = "@SYSTEM@";
        builder = "/bin/sh";
        args = [ "-c" script ];
        PATH = "/usr/bin:/bin";
      };
    in
    {
      packages."@SYSTEM@" = {
        a-small = run "a-small" "echo a >$out";
        b-small = run "b-small" "echo b >$out";
        c-large = run "c-large" "head -c 24M /dev/urandom >$out";
      };
    };
}
`;

describe("populate on a full disk", function () {
  this.timeout(180_000);
  let disk = "";
  before("needs root, for small disks", async function () {
    if (process.getuid?.() !== 0) this.skip();
    await nixOrSkip(this);
    disk = mkdtempSync(join(tmpdir(), "populate-disk-"));
    mount(disk, "16m");
  });
  after(() => {
    removeWorlds();
    if (disk === "") return;
    execFileSync("umount", [disk]);
    rmSync(disk, { recursive: true });
  });

  function mount(folder: string, size: string): void {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", folder]);
  }

  it("that of the store: says what had no room, keeps what had, and goes on once there is some", async function () {
    const world = new PopulateWorld(await nixOrSkip(this), [], disk);
    world.useText(flake);
    world.lock();
    const { status, stdout } = await world.call(["populate"]);
    assert.equal(status, 1, stdout);
    assert.deepEqual(Object.values(world.statuses()), ["built", "built", "failed"]);
    const { reason = "", log = [] } = world.result().outputs[2] ?? {};
    assert.match([reason, ...log].join("\n"), /No space left on device/);
    for (const { paths = [] } of world.result().outputs) assert.ok(paths.every((path) => existsSync(path)));
    execFileSync("mount", ["-o", "remount,size=128m", disk]);
    const again = await world.call(["populate"]);
    assert.equal(again.status, 0, again.stdout + again.stderr);
    assert.deepEqual(Object.values(world.statuses()), ["unchanged", "unchanged", "built"]);
  });

  it("that of its own files: reports all the same, says what can't be written, and the next run has all", async function () {
    const world = new PopulateWorld(await nixOrSkip(this));
    world.useText(flake.replace("24M", "24"));
    world.lock();
    mount(world.state, "512k");
    try {
      const filling = join(world.state, "filling");
      world.configure();
      assert.throws(() => writeFileSync(filling, Buffer.alloc(2 ** 20)), { code: "ENOSPC" });
      const { status, stdout, stderr } = await world.call(["populate"]);
      assert.equal(status, 1, stdout + stderr);
      assert.match(stdout, /problem +ENOSPC/);
      assert.match(stderr, /populate\.json can't be written \(ENOSPC.*Make room: sudo cachectl retain$/m);
      rmSync(filling);
      const again = await world.call(["populate"]);
      assert.equal(again.status, 0, again.stdout + again.stderr);
      assert.ok(Object.values(world.statuses()).every((each) => ["built", "unchanged"].includes(each)));
    } finally {
      execFileSync("umount", [world.state]);
    }
  });
});
